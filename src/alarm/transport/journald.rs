//! systemd's journal: its native protocol, one datagram a message (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::path::Path;

use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::syslog::severity;
use super::{Carrier, Trouble, late};
use crate::alarm::message::Message;

pub(super) async fn send(
    socket: &Path,
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let entry = entry(message, &carrier.host, id);
    let sent = async {
        let own = UnixDatagram::unbound()?;
        own.connect(socket)?;
        own.send(&entry).await
    };
    match timeout(carrier.within, sent).await {
        Ok(Ok(_)) => Ok("taken; the journal answers nothing".to_owned()),
        Ok(Err(err)) => {
            let why = format!("the journal's socket {}: {err}", socket.display());
            Err(Trouble::Unreachable(why))
        }
        Err(_) => Err(late(carrier.within)),
    }
}

fn entry(message: &Message, host: &str, id: u64) -> Vec<u8> {
    let mut entry = Vec::new();
    let mut field = |name: &str, value: &str| {
        entry.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            // A value with a newline follows its length.
            entry.push(b'\n');
            entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            entry.push(b'=');
        }
        entry.extend_from_slice(value.as_bytes());
        entry.push(b'\n');
    };
    field("MESSAGE", &message.subject());
    field("PRIORITY", &severity(message).to_string());
    field("SYSLOG_IDENTIFIER", "clusterd");
    for name in [
        "kind", "severity", "cluster", "package", "code", "text", "first", "last", "count", "id",
    ] {
        let key = format!("CLUSTERD_{}", name.to_uppercase());
        field(&key, &message.value(name, host, id));
    }
    entry
}
