//! Which algorithms a server is offered: what is held to be safe today, and, for a console that
//! says so, what old terminal servers speak.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, kex, mac};

/// Key exchanges that OpenSSH offers today too and the library leaves out of its usual list.
const MORE_EXCHANGES: [kex::Name; 3] = [
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
];

const OLD_EXCHANGES: [kex::Name; 3] = [kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];

const OLD_CIPHERS: [cipher::Name; 4] = [
    cipher::AES_256_CBC,
    cipher::AES_192_CBC,
    cipher::AES_128_CBC,
    cipher::TRIPLE_DES_CBC,
];

const OLD_MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// An RSA host key that signs with SHA-1.
const OLD_HOST_KEY: Algorithm = Algorithm::Rsa { hash: None };

/// What is offered. Host keys of a kind in `known` come first: a server with several keys then
/// shows the one that is known.
pub(super) fn offered(legacy: bool, known: &[String]) -> Preferred {
    let usual = Preferred::DEFAULT;
    let mut exchanges = MORE_EXCHANGES.to_vec();
    // The names of extensions are at the end of the list, and no exchanges.
    exchanges.splice(0..0, usual.kex.iter().copied());
    let mut keys = HOST_KEYS.to_vec();
    let mut ciphers = usual.cipher.to_vec();
    let mut macs = usual.mac.to_vec();
    if legacy {
        exchanges.extend(OLD_EXCHANGES);
        keys.push(OLD_HOST_KEY);
        ciphers.extend(OLD_CIPHERS);
        macs.extend(OLD_MACS);
    }
    keys.sort_by_key(|key| !known.iter().any(|kind| kind == kind_of(key)));
    Preferred {
        kex: Cow::Owned(exchanges),
        key: Cow::Owned(keys),
        cipher: Cow::Owned(ciphers),
        mac: Cow::Owned(macs),
        ..usual
    }
}

/// The kind of a key as a known_hosts file names it: that of RSA is one, however it signs.
fn kind_of(key: &Algorithm) -> &str {
    match key {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha1_and_cbc_are_offered_to_old_servers_only() {
        for (legacy, wanted) in [(false, false), (true, true)] {
            let offered = offered(legacy, &[]);
            assert_eq!(offered.kex.contains(&kex::DH_G1_SHA1), wanted);
            assert_eq!(offered.cipher.contains(&cipher::TRIPLE_DES_CBC), wanted);
            assert_eq!(offered.mac.contains(&mac::HMAC_SHA1), wanted);
            assert_eq!(offered.key.contains(&OLD_HOST_KEY), wanted);
            assert!(offered.kex.contains(&kex::CURVE25519));
            assert_eq!(offered.key[0], Algorithm::Ed25519);
        }
    }

    #[test]
    fn the_kind_of_key_that_is_known_is_asked_for_first() {
        let offered = offered(true, &["ssh-rsa".to_owned()]);
        let kinds: Vec<&str> = offered.key.iter().map(kind_of).collect();
        assert_eq!(
            &kinds[..4],
            ["ssh-rsa", "ssh-rsa", "ssh-rsa", "ssh-ed25519"]
        );
    }
}
