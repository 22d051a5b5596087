//! Webhooks, and the heartbeat's requests: HTTP/1.1 by `ureq`, on a thread that may block.
//!
//! A message is taken when the server answers 2xx. Redirects are not followed: an alarm goes where the
//! operator said, or it is an alarm.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Carrier, Trouble, late, secret, trust};
use crate::alarm::message::Message;
use crate::config::route::{Url, Webhook, check_url};

/// The most that is read of an answer's head, bytes.
const HEAD: usize = 32 << 10;

/// What is asked of a server.
pub(in crate::alarm) struct Request {
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// JSON of a POST; none: a GET.
    pub body: Option<String>,
    pub ca: Vec<u8>,
    pub within: Duration,
}

pub(super) async fn post(
    hook: &Webhook,
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let mut headers = hook.headers.clone();
    for (name, file) in &hook.secret_headers {
        headers.push((name.clone(), secret(&carrier.home, file)?.to_string()));
    }
    let body = match &hook.template {
        None => message.json(&carrier.host, id),
        Some(template) => template.fill(&|name| message.value(name, &carrier.host, id)),
    };
    let request = Request {
        url: url(&hook.url, &carrier.home)?,
        headers,
        body: Some(body.to_string()),
        ca: trust::pem(hook.ca_file.as_deref(), &carrier.home)?,
        within: carrier.within,
    };
    ask(request).await
}

/// The address itself.
pub(in crate::alarm) fn url(url: &Url, home: &Path) -> Result<String, Trouble> {
    let text = match url {
        Url::Plain(text) => return Ok(text.clone()),
        Url::File(file) => secret(home, file)?,
    };
    match check_url(&text) {
        Ok(()) => Ok(text.to_string()),
        Err(why) => Err(Trouble::Unreachable(format!(
            "in the file of the address: {why}"
        ))),
    }
}

/// Asks once, and gives the status line.
pub(in crate::alarm) async fn ask(request: Request) -> Result<String, Trouble> {
    let within = request.within;
    let asked = tokio::task::spawn_blocking(move || blocking(&request));
    // The thread itself ends within that time, but for a name server that is silent.
    match timeout(within + Duration::from_secs(1), asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(err)) => Err(Trouble::Unreachable(err.to_string())),
        Err(_) => Err(late(within)),
    }
}

fn blocking(request: &Request) -> Result<String, Trouble> {
    let agent = agent(request)?;
    let answer = match &request.body {
        Some(body) => {
            let mut builder = agent.post(&request.url).content_type("application/json");
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            builder.send(body)
        }
        None => agent.get(&request.url).call(),
    };
    let status = match answer {
        Ok(answer) => answer.status(),
        Err(ureq::Error::Timeout(_)) => return Err(late(request.within)),
        // These say the address, or what was sent.
        Err(ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
            let why = "the address or a header is none that HTTP knows";
            return Err(Trouble::Refused(why.to_owned()));
        }
        Err(ureq::Error::Io(err)) => {
            return Err(Trouble::Unreachable(format!("web server: {err}")));
        }
        Err(err) => return Err(Trouble::Unreachable(format!("web server: {err}"))),
    };
    let text = format!("HTTP {status}");
    match status.as_u16() {
        200..=299 => Ok(text),
        300..=399 => Err(Trouble::Refused(format!(
            "the web server answers {text}, which is not followed"
        ))),
        408 | 425 | 429 | 500.. => Err(Trouble::Unreachable(format!(
            "the web server answers {text}"
        ))),
        _ => Err(Trouble::Refused(format!("the web server answers {text}"))),
    }
}

fn agent(request: &Request) -> Result<Agent, Trouble> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(HEAD)
        .proxy(None)
        .user_agent(concat!("clusterd/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(request.within));
    if request.url.starts_with("https://") {
        config = config.tls_config(tls(&request.ca)?);
    }
    Ok(config.build().new_agent())
}

fn tls(ca: &[u8]) -> Result<TlsConfig, Trouble> {
    let roots: Vec<Certificate<'static>> = trust::roots(ca)?
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
