//! Mail, by SMTP to one server (RFC 5321). A message is taken when the server has answered 250 to all of it.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Protection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Letter, Tokio1Executor};
use tokio::time::timeout;

use super::{Carrier, Trouble, late, secret};
use crate::alarm::message::{Kind, Message};
use crate::config::route::{Mail, Tls};
use crate::script::program::Severity;

pub(super) async fn send(
    mail: &Mail,
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let letter = letter(mail, carrier, message, id)?;
    let server = server(mail, carrier)?;
    // Whatever the server does, byte by byte: the whole of it has this end.
    match timeout(carrier.within, server.send(letter)).await {
        Ok(Ok(answer)) => Ok(answer.message().collect::<Vec<_>>().join(" ")),
        Ok(Err(err)) => {
            let why = format!("mail server {}: {}", mail.server, root(&err));
            match err.is_permanent() {
                true => Err(Trouble::Refused(why)),
                false => Err(Trouble::Unreachable(why)),
            }
        }
        Err(_) => Err(late(carrier.within)),
    }
}

/// An error with all its causes.
fn root(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let more = err.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = err.source();
    }
    text
}

fn letter(mail: &Mail, carrier: &Carrier, message: &Message, id: u64) -> Result<Letter, Trouble> {
    let unfit = |err: &dyn std::error::Error| Trouble::Refused(format!("no mail: {err}"));
    let host = &carrier.host;
    let alarm = &message.alarm;
    // All mails of one alarm are one thread in the reader's eyes (RFC 5322, 3.6.4).
    let thread: String = format!("{}.{}.{}", alarm.first_ms, alarm.name(), alarm.code)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut builder = Letter::builder()
        .from(mail.from.parse().map_err(|err| unfit(&err))?)
        .subject(format!("[clusterd] {}", message.subject()))
        .message_id(Some(format!("<{id}.{}@{host}>", carrier.route)))
        .references(format!("<{thread}@{host}>"))
        .header(Plain("Auto-Submitted", "auto-generated".to_owned()))
        .header(Plain("X-Clusterd-Message", id.to_string()))
        .header(ContentType::TEXT_PLAIN);
    if alarm.severity == Severity::Critical && !matches!(message.kind, Kind::Closed | Kind::Test) {
        builder = builder.header(Plain("X-Priority", "1".to_owned()));
    }
    for to in &mail.to {
        builder = builder.to(to.parse().map_err(|err| unfit(&err))?);
    }
    builder
        .body(message.lines(host, id))
        .map_err(|err| unfit(&err))
}

fn server(mail: &Mail, carrier: &Carrier) -> Result<AsyncSmtpTransport<Tokio1Executor>, Trouble> {
    let protection = match mail.tls {
        Tls::None => Protection::None,
        Tls::Starttls => Protection::Required(parameters(mail, &carrier.home)?),
        Tls::Tls => Protection::Wrapper(parameters(mail, &carrier.home)?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.server)
        .port(mail.port)
        .tls(protection)
        .timeout(Some(carrier.within.min(Duration::from_secs(60))))
        .hello_name(ClientId::Domain(carrier.host.clone()));
    if let (Some(user), Some(file)) = (&mail.user, &mail.password_file) {
        let password = secret(&carrier.home, file)?;
        builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
    }
    Ok(builder.build())
}

fn parameters(mail: &Mail, home: &Path) -> Result<TlsParameters, Trouble> {
    let unfit = |why: String| Trouble::Unreachable(format!("no TLS: {why}"));
    let mut builder = TlsParameters::builder(mail.server.clone());
    if let Some(file) = &mail.ca_file {
        let path = home.join(file);
        let pem =
            std::fs::read(&path).map_err(|err| unfit(format!("{}: {err}", path.display())))?;
        let certificate = Certificate::from_pem(&pem).map_err(|err| unfit(err.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|err| unfit(root(&err)))
}

/// A header of plain text.
#[derive(Clone)]
struct Plain(&'static str, String);

impl Header for Plain {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Clusterd")
    }

    fn parse(text: &str) -> Result<Plain, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Plain("X-Clusterd", text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        let name = HeaderName::new_from_ascii_str(self.0);
        HeaderValue::new(name, self.1.clone())
    }
}
