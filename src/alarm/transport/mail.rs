//! Mail, by SMTP to one server (RFC 5321). A message is taken when the server has answered 250 to all of it.
//!
//! It is spoken on a thread of its own, over a stream that ends after [`MOST`] bytes: whatever a server says,
//! and however much, no cluster's task waits for it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::Message as Letter;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::{Carrier, Trouble, late, secret, trust};
use crate::alarm::message::{Kind, Message};
use crate::config::route::{Mail, Tls};
use crate::script::program::Severity;

/// The most that is read from a server for one mail, bytes: its certificates and some dozen lines.
const MOST: usize = 32 << 10;

/// How long a server that has taken the mail may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

pub(super) async fn send(
    mail: &Mail,
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let letter = letter(mail, carrier, message, id)?;
    let (mail, carrier) = (mail.clone(), carrier.clone());
    let runtime = Handle::current();
    let spoken = tokio::task::spawn_blocking(move || {
        let within = carrier.within;
        let spoken = async { timeout(within, speak(&mail, &carrier, &letter)).await };
        runtime
            .block_on(spoken)
            .unwrap_or_else(|_| Err(late(within)))
    });
    let spoken = spoken.await;
    spoken.unwrap_or_else(|err| Err(Trouble::Unreachable(err.to_string())))
}

async fn speak(mail: &Mail, carrier: &Carrier, letter: &Letter) -> Result<String, Trouble> {
    let fails = |err: &Error| {
        let why = format!("mail server {}: {}", mail.server, root(err));
        match err.is_permanent() {
            true => Trouble::Refused(why),
            false => Trouble::Unreachable(why),
        }
    };
    let hello = ClientId::Domain(carrier.host.clone());
    let stream = stream(mail, carrier).await?;
    let mut server = AsyncSmtpConnection::connect_with_transport(stream, &hello)
        .await
        .map_err(|err| fails(&err))?;
    if mail.tls == Tls::Starttls {
        if !server.can_starttls() {
            let why = format!("mail server {} offers no STARTTLS", mail.server);
            return Err(Trouble::Unreachable(why));
        }
        let parameters = parameters(mail, carrier)?;
        server
            .starttls(parameters, &hello)
            .await
            .map_err(|err| fails(&err))?;
    }
    if let (Some(user), Some(file)) = (&mail.user, &mail.password_file) {
        let password = secret(&carrier.home, file)?;
        let login = Credentials::new(user.clone(), password.to_string());
        server
            .auth(&[Mechanism::Plain, Mechanism::Login], &login)
            .await
            .map_err(|err| fails(&err))?;
    }
    let taken = server.send(letter.envelope(), &letter.formatted()).await;
    let taken = taken.map_err(|err| fails(&err))?;
    // It has the mail: what comes now changes nothing.
    let _ = timeout(GOODBYE, server.quit()).await;
    Ok(taken.message().collect::<Vec<_>>().join(" "))
}

/// The connection, under TLS from its first byte where that is wanted.
async fn stream(mail: &Mail, carrier: &Carrier) -> Result<Box<dyn AsyncTokioStream>, Trouble> {
    let fails = |err: io::Error| {
        let why = format!("mail server {}, port {}: {err}", mail.server, mail.port);
        Trouble::Unreachable(why)
    };
    let tcp = TcpStream::connect((mail.server.as_str(), mail.port))
        .await
        .map_err(fails)?;
    let limited = Limited { tcp, left: MOST };
    if mail.tls != Tls::Tls {
        return Ok(Box::new(limited));
    }
    let config = trust::client(mail.ca_file.as_deref(), &carrier.home)?;
    let name = mail.server.clone().try_into();
    let name = name.map_err(|_| fails(io::Error::other("no name for a certificate")))?;
    let protected = tokio_rustls::TlsConnector::from(config).connect(name, limited);
    Ok(Box::new(Protected(protected.await.map_err(fails)?)))
}

fn parameters(mail: &Mail, carrier: &Carrier) -> Result<TlsParameters, Trouble> {
    let unfit = |why: String| Trouble::Unreachable(format!("no TLS: {why}"));
    let mut builder = TlsParameters::builder(mail.server.clone());
    let pem = trust::pem(mail.ca_file.as_deref(), &carrier.home)?;
    if !pem.is_empty() {
        let certificate = Certificate::from_pem(&pem).map_err(|err| unfit(err.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|err| unfit(root(&err)))
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
        .map(|c| match c.is_ascii_alphanumeric() || "-.".contains(c) {
            true => c,
            false => '_',
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

/// A connection that fails when more than so many bytes were read.
#[derive(Debug)]
struct Limited {
    tcp: TcpStream,
    left: usize,
}

impl AsyncTokioStream for Limited {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let why = format!("it says more than {} KiB", MOST >> 10);
            return Poll::Ready(Err(io::Error::other(why)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let got = buffer.filled().len() - before;
        self.left = self.left.saturating_sub(got);
        read
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// The same under TLS.
#[derive(Debug)]
struct Protected(TlsStream<Limited>);

impl AsyncTokioStream for Protected {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Protected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Protected {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
