//! Single values as operators write them, each with a mend when it is wrong.

use core::net::IpAddr;
use std::time::Duration;

use super::cluster::{DataPolicy, HostId, Reach, Silence};
use super::fault::{nearest, shown};
use super::fields::Mend;
use super::policy::accepts;
use crate::clock::parse_span;

/// No time in a file may be longer.
pub const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A time, more than nothing: `200ms`, `5s`, `10m`, `1h`, `3d`.
pub fn span(text: &str) -> Result<Duration, Mend> {
    const HOW: &str = "write a number and a unit: 200ms, 5s, 10m, 1h, 3d";
    match parse_span(text) {
        Some(span) if span.is_zero() => Err(Mend::new("a time of nothing", HOW)),
        Some(span) if span > LONGEST => Err(Mend::new(
            format!("{} is too long a time", shown(text)),
            HOW,
        )),
        Some(span) => Ok(span),
        None => Err(Mend::new(format!("{} is no time", shown(text)), HOW)),
    }
}

/// A number from 1 to `most`.
pub fn count(text: &str, most: u32) -> Result<u32, Mend> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(Mend::new(
            format!("{} is no number from 1 to {most}", shown(text)),
            "",
        )),
    }
}

/// A size in bytes: `512KiB`, `10MiB`, `1GiB`.
pub fn size(text: &str) -> Result<u64, Mend> {
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (digits, unit) = text.split_at(split.unwrap_or(text.len()));
    let unit: u64 = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse().ok().and_then(|n: u64| n.checked_mul(unit));
    bytes
        .filter(|bytes| (64 << 10..=1 << 40).contains(bytes))
        .ok_or_else(|| {
            Mend::new(
                format!("{} is no size from 64KiB to 1024GiB", shown(text)),
                "write a number and KiB, MiB or GiB: 10MiB",
            )
        })
}

/// An IP address.
pub fn address(text: &str) -> Result<IpAddr, Mend> {
    let bad = |why: &str| Mend::new(format!("{} {why}", shown(text)), ADDRESS);
    let address: IpAddr = text.parse().map_err(|_| bad("is no IP address"))?;
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(bad("is no address of one machine"));
    }
    Ok(address)
}

const ADDRESS: &str = "write it in numbers, 192.0.2.10 or 2001:db8::10: a name server that is \
                       silent must not look like a dead primary";

/// Eight hex digits.
pub fn host_id(text: &str) -> Result<HostId, Mend> {
    HostId::parse(text).ok_or_else(|| {
        let none = ["ffffffff", "00000000"].contains(&text.to_ascii_lowercase().as_str());
        if none {
            Mend::new(
                format!("Host ID {text} tells no machine from another"),
                "leave the key out: clusterd learns the ID at adoption; if the banner shows \
                 this one, the machine's ID chip needs mending first",
            )
        } else {
            Mend::new(
                format!("{} is no Host ID", shown(text)),
                "write the eight hex digits of the banner: Host ID: 80b1c2d3",
            )
        }
    })
}

/// How a service address is asked.
pub fn reach(text: &str) -> Result<Reach, Mend> {
    let port = text.strip_prefix("tcp:").map(str::parse);
    match (text, port) {
        ("ping", _) => Ok(Reach::Ping),
        (_, Some(Ok(port))) if port != 0 => Ok(Reach::Tcp(port)),
        _ => Err(Mend::new(
            format!("{} is no way to ask an address", shown(text)),
            "write `ping` or `tcp:PORT`",
        )),
    }
}

/// The data policy.
pub fn data_policy(text: &str) -> Result<DataPolicy, Mend> {
    let all = POLICIES.map(|policy| (policy.to_string(), policy));
    if let Some((_, policy)) = all.iter().find(|(name, _)| name == text) {
        return Ok(*policy);
    }
    let help = match nearest(text, all.iter().map(|(name, _)| name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => choose_policy(),
    };
    Err(Mend::new(
        format!("{} is no data policy", shown(text)),
        help,
    ))
}

const POLICIES: [DataPolicy; 3] = [
    DataPolicy::Integrity,
    DataPolicy::Adaptability,
    DataPolicy::Availability,
];

/// What to say to somebody who has not chosen a data policy.
pub fn choose_policy() -> String {
    let choices = POLICIES.map(|policy| format!("`{policy}`: {}", accepts(policy)));
    format!(
        "it has no default, somebody must choose\n{}",
        choices.join("\n")
    )
}

/// What follows a silence: `alarm` or `switch after 5m`.
pub fn silence(text: &str) -> Result<Silence, Mend> {
    if text == "alarm" {
        return Ok(Silence::Alarm);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["switch", "after", time] => span(time).map(Silence::SwitchAfter),
        _ => Err(Mend::new(
            format!("{} says not what to do", shown(text)),
            "write `alarm` or `switch after 5m`",
        )),
    }
}

/// A boot device: what is typed after `boot` at the prompt.
pub fn boot_device(text: &str) -> Result<String, Mend> {
    // OpenBIOS cuts an input line at 80 characters.
    let plain = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if plain && !text.is_empty() && text.trim() == text && text.len() <= 70 {
        return Ok(text.to_owned());
    }
    Err(Mend::new(
        format!("{} is no boot device", shown(text)),
        "write an alias or a device path, at most 70 plain characters",
    ))
}

/// The name of a script or a platform: a file name without its ending and without folders.
pub fn plain_name(text: &str) -> Result<String, Mend> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.chars().all(good) && !text.is_empty() && !text.starts_with('.') && text.len() <= 80 {
        return Ok(text.to_owned());
    }
    Err(Mend::new(
        format!("{} is no plain name", shown(text)),
        "use letters, digits, `-` and `_`, without a folder",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_values_are_read() {
        assert_eq!(span("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(size("10MiB"), Ok(10 << 20));
        assert_eq!(reach("tcp:22"), Ok(Reach::Tcp(22)));
        assert_eq!(silence("alarm"), Ok(Silence::Alarm));
        assert_eq!(
            silence("switch  after 5m"),
            Ok(Silence::SwitchAfter(Duration::from_secs(300)))
        );
        assert_eq!(address("2001:db8::10").unwrap().to_string(), "2001:db8::10");
        assert_eq!(data_policy("integrity"), Ok(DataPolicy::Integrity));
    }

    #[test]
    fn bad_values_are_not() {
        for bad in [
            "",
            "5",
            "0s",
            "5 s",
            "-5s",
            "4000000d",
            "99999999999999999999d",
        ] {
            assert!(span(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "10",
            "10MB",
            "0MiB",
            "1KiB",
            "MiB",
            "99999999999999999999GiB",
        ] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "ca1",
            "192.0.2",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
        for bad in ["tcp", "tcp:0", "tcp:70000", "udp:5", "Ping"] {
            assert!(reach(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "switch",
            "switch after",
            "switch after soon",
            "no",
            "alarm now",
        ] {
            assert!(silence(bad).is_err(), "{bad:?}");
        }
        let long = "x".repeat(71);
        for bad in ["", " disk", "disk\r", "d\u{e9}", long.as_str()] {
            assert!(boot_device(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "../x", "lib/openboot", ".hidden"] {
            assert!(plain_name(bad).is_err(), "{bad:?}");
        }
    }
}
