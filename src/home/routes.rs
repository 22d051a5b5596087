//! What the routes of `clusterd.yaml` need of this machine: files that hold secrets, programs,
//! certificates; and clusters that are there.

use super::Home;
use super::programs::find_program;
use crate::config::route::{Pulse, Route, Transport, Url, check_url};
use crate::config::{Fault, Loaded, SETTINGS, Weight, nearest};
use crate::script::program::Severity;
use crate::secret::{self, Secret};

/// What is wrong with them. A route with a fault is used all the same, for what is missing may come later,
/// and each try says so.
pub(super) fn faults(home: &Home, loaded: &Loaded) -> Vec<Fault> {
    let mut faults = Vec::new();
    for route in &loaded.settings.routes {
        let look = Look {
            home,
            loaded,
            path: vec!["routes", &route.name, route.by.word()],
        };
        match &route.by {
            Transport::Mail(mail) => {
                faults.extend(look.secret("password_file", mail.password_file.as_deref()));
                faults.extend(look.certificate(mail.ca_file.as_deref()));
            }
            Transport::Webhook(hook) => {
                faults.extend(look.address(&hook.url));
                for (name, file) in &hook.secret_headers {
                    let within = look.under("secret_headers");
                    faults.extend(within.secret(name, Some(file)));
                }
                faults.extend(look.certificate(hook.ca_file.as_deref()));
            }
            Transport::Exec(argv) => faults.extend(look.program(argv)),
            Transport::Syslog(_) | Transport::Journald { .. } => {}
        }
        faults.extend(clusters(route, loaded));
    }
    if let Some(heartbeat) = &loaded.settings.heartbeat {
        let look = Look {
            home,
            loaded,
            path: vec!["heartbeat"],
        };
        match &heartbeat.by {
            Pulse::Http { url, .. } => faults.extend(look.address(url)),
            Pulse::Exec(argv) => faults.extend(look.under("exec").program(argv)),
        }
        faults.extend(look.certificate(heartbeat.ca_file.as_deref()));
    }
    faults.extend(alone(loaded));
    faults
}

/// A place in the file, and what is needed to look at what it names.
struct Look<'a> {
    home: &'a Home,
    loaded: &'a Loaded,
    path: Vec<&'a str>,
}

impl<'a> Look<'a> {
    fn under(&self, key: &'a str) -> Look<'a> {
        let mut path = self.path.clone();
        path.push(key);
        Look { path, ..*self }
    }

    fn fault(&self, key: &str, message: String, help: &str) -> Fault {
        let mut path = self.path.clone();
        path.push(key);
        self.loaded.error_at(SETTINGS, &path, message, help)
    }

    fn secret(&self, key: &str, file: Option<&str>) -> Option<Fault> {
        let path = secret::place(self.home.dir(), file?);
        let read = Secret::read(&path).and_then(|secret| secret.line().map(drop));
        let fault = read.err()?;
        let message = format!("the secret in {}: {fault}", path.display());
        Some(self.fault(key, message, &fault.help(&path)))
    }

    fn address(&self, url: &Url) -> Option<Fault> {
        let Url::File(file) = url else { return None };
        if let Some(fault) = self.secret("url_file", Some(file)) {
            return Some(fault);
        }
        let secret = Secret::read(&secret::place(self.home.dir(), file)).ok()?;
        let why = check_url(secret.line().ok()?).err()?;
        let message = format!("in {file}: {why}");
        Some(self.fault("url_file", message, "one line: https://HOST/…"))
    }

    fn certificate(&self, file: Option<&str>) -> Option<Fault> {
        let path = self.home.path(file?);
        let text = std::fs::read_to_string(&path);
        let why = match text {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return None,
            Ok(_) => "there is no certificate in it".to_owned(),
            Err(err) => err.to_string(),
        };
        let message = format!("{}: {why}", path.display());
        Some(self.fault("ca_file", message, "a file of certificates in PEM"))
    }

    fn program(&self, argv: &[String]) -> Option<Fault> {
        let (message, help) = find_program(argv.first()?, self.home.dir()).err()?;
        Some(self.loaded.error_at(SETTINGS, &self.path, message, help))
    }
}

/// Names of clusters that there are none of.
fn clusters(route: &Route, loaded: &Loaded) -> Vec<Fault> {
    let refused = loaded
        .refused
        .iter()
        .filter_map(|refused| refused.name.as_deref());
    let guarded = loaded.clusters.iter().map(|cluster| cluster.name.as_str());
    let known: Vec<&str> = guarded.chain(refused).collect();
    let unknown = route
        .clusters
        .iter()
        .enumerate()
        .filter(|(_, glob)| !known.iter().any(|name| glob.fits(name)));
    let faults = unknown.map(|(place, glob)| {
        let place = place.to_string();
        let near = glob
            .plain()
            .and_then(|name| nearest(name, known.iter().copied()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "its alarms would take no other route for it".to_owned(),
        };
        let text = format!("no cluster here is called {}", glob.text());
        let path = ["routes", &route.name, "clusters", &place];
        let mut fault = loaded.error_at(SETTINGS, &path, text, &help);
        fault.weight = Weight::Warning;
        fault
    });
    faults.collect()
}

/// Alarms that nobody would be told of.
fn alone(loaded: &Loaded) -> Option<Fault> {
    let routes = &loaded.settings.routes;
    if routes.is_empty() {
        return None;
    }
    let mut dumb = loaded.clusters.iter().filter(|cluster| {
        let name = cluster.name.as_str();
        !routes
            .iter()
            .any(|route| route.wants(Severity::Critical, name))
    });
    let first = dumb.next()?;
    let more = match dumb.count() {
        0 => String::new(),
        more => format!(" and {more} more clusters"),
    };
    let message = format!(
        "no route takes the alarms of {}{more}: nobody is told",
        first.name
    );
    let help = "name it in the `clusters` of a route, or leave `clusters` out";
    let mut fault = loaded.error_at_key(SETTINGS, &["routes"], message, help);
    fault.weight = Weight::Warning;
    Some(fault)
}
