//! Logging in: a key file, the keys of an agent, a password, in this order, as far as the server
//! takes them. What was tried and did not do is told when nothing is left.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{self, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::Watch;
use super::words::Failure;
use crate::config::console::SshLogin;
use crate::secret::Secret;

/// Keys of an agent that are tried: a server counts each as a failure, and OpenSSH's ends the
/// connection with the sixth.
const AGENT_KEYS: usize = 4;

/// How often a server may ask questions that take the place of a password.
const QUESTIONS: usize = 4;

/// A way to log in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Key,
    Agent,
    Password,
}

/// What came of trying a way.
enum Tried {
    In,
    /// The server refused it, or takes it and wants another one too.
    Out(MethodSet),
    /// It could not be tried.
    Not(String),
}

/// Logs in, or says why not.
pub(super) async fn log_in(
    handle: &mut Handle<Watch>,
    user: &str,
    login: &SshLogin,
) -> Result<(), Failure> {
    // The server's answer to this names the ways that it takes. Some old ones want nothing more.
    let AuthResult::Failure {
        remaining_methods, ..
    } = handle.authenticate_none(user).await?
    else {
        return Ok(());
    };
    if remaining_methods.is_empty() && handle.is_closed() {
        return Err(Failure::Ssh(russh::Error::Disconnect));
    }
    let mut offered = remaining_methods;
    let mut ways = ways(login);
    let mut tried = Vec::new();
    while let Some(at) = ways.iter().position(|way| takes(&offered, *way)) {
        let way = ways.remove(at);
        let outcome = match way {
            Way::Key => key(handle, user, login).await?,
            Way::Agent => agent(handle, user, login).await?,
            Way::Password => password(handle, user, login, &offered).await?,
        };
        match outcome {
            Tried::In => return Ok(()),
            Tried::Out(remaining) => {
                tried.push(name_of(way, login));
                offered = remaining;
            }
            Tried::Not(why) => tried.push(format!("{} ({why})", name_of(way, login))),
        }
        if handle.is_closed() {
            break;
        }
    }
    let untried = ways.into_iter().map(|way| name_of(way, login));
    Err(Failure::Refused {
        user: user.to_owned(),
        tried,
        untried: untried.collect(),
        offered: offered.iter().map(<&str>::from).collect(),
    })
}

fn ways(login: &SshLogin) -> Vec<Way> {
    let mut ways = Vec::new();
    ways.extend(login.key.is_some().then_some(Way::Key));
    ways.extend(login.agent.then_some(Way::Agent));
    ways.extend(login.password_file.is_some().then_some(Way::Password));
    ways
}

fn takes(offered: &MethodSet, way: Way) -> bool {
    match way {
        Way::Key | Way::Agent => offered.contains(&MethodKind::PublicKey),
        Way::Password => {
            offered.contains(&MethodKind::Password)
                || offered.contains(&MethodKind::KeyboardInteractive)
        }
    }
}

/// The way, as an operator finds it in the cluster file. A password's file is named, no more.
fn name_of(way: Way, login: &SshLogin) -> String {
    let file = |file: &Option<String>| file.clone().unwrap_or_default();
    match way {
        Way::Key => format!("key {}", file(&login.key)),
        Way::Agent => "agent".to_owned(),
        Way::Password => format!("password of {}", file(&login.password_file)),
    }
}

fn outcome(result: AuthResult) -> Tried {
    match result {
        AuthResult::Success => Tried::In,
        AuthResult::Failure {
            remaining_methods, ..
        } => Tried::Out(remaining_methods),
    }
}

async fn key(handle: &mut Handle<Watch>, user: &str, login: &SshLogin) -> Result<Tried, Failure> {
    let path = login.key.clone().unwrap_or_default();
    let key = match super::aside(move || private_key(Path::new(&path))).await? {
        Ok(key) => Arc::new(key),
        Err(why) => return Ok(Tried::Not(why)),
    };
    let hashes = match hashes(handle, key.algorithm().is_rsa(), login.legacy).await? {
        Ok(hashes) => hashes,
        Err(why) => return Ok(Tried::Not(why)),
    };
    let mut last = Tried::Not(String::new());
    for hash in hashes {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
        last = outcome(handle.authenticate_publickey(user, key).await?);
        if matches!(last, Tried::In) {
            break;
        }
    }
    Ok(last)
}

/// The private key in a file that nobody else may read.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey, String> {
    let secret = Secret::read(path).map_err(|fault| format!("{fault}; {}", fault.help(path)))?;
    let text = secret
        .text()
        .map_err(|_| "it is no private key".to_owned())?;
    let has_passphrase = || {
        format!(
            "it has a passphrase, which nobody types here: take it away with ssh-keygen -p -f {}, or put the key into an agent",
            path.display()
        )
    };
    match keys::decode_secret_key(text, None) {
        Ok(key) if key.is_encrypted() => Err(has_passphrase()),
        Ok(key) => Ok(key),
        Err(keys::Error::KeyIsEncrypted) => Err(has_passphrase()),
        Err(error) => Err(format!("it is no private key that can be used: {error}")),
    }
}

/// The hashes to sign with, in the order in which they are tried; only RSA has a choice.
async fn hashes(
    handle: &Handle<Watch>,
    rsa: bool,
    legacy: bool,
) -> Result<Result<Vec<Option<HashAlg>>, String>, Failure> {
    if !rsa {
        return Ok(Ok(vec![None]));
    }
    // Servers that say nothing of it are old: SHA-256 came first (RFC 8332). What one says need
    // not be what it takes, so an old one is tried with SHA-1 too.
    let said = handle.best_supported_rsa_hash().await?;
    let newest = said.unwrap_or(Some(HashAlg::Sha256));
    let mut hashes: Vec<_> = newest.map(Some).into_iter().collect();
    hashes.extend(legacy.then_some(None));
    Ok(match hashes.is_empty() {
        true => Err("the server takes RSA keys with SHA-1 only: use an ed25519 key, or `ssh: { legacy: yes }`".to_owned()),
        false => Ok(hashes),
    })
}

async fn agent(handle: &mut Handle<Watch>, user: &str, login: &SshLogin) -> Result<Tried, Failure> {
    let mut agent = match AgentClient::connect_env().await {
        Ok(agent) => agent,
        Err(error) => return Ok(Tried::Not(no_agent(&error))),
    };
    if let Some(binding) = handle.agent_session_binding()
        && let Err(error) = agent.bind_session(binding, false).await
    {
        // Agents before OpenSSH 8.9 do not know it; they have no keys that would want it.
        tracing::debug!("the agent does not bind the session: {error}");
    }
    let identities = match agent.request_identities().await {
        Ok(identities) => identities,
        Err(error) => return Ok(Tried::Not(format!("it does not tell its keys: {error}"))),
    };
    let mut last = Tried::Not("it holds no key".to_owned());
    for identity in identities.into_iter().take(AGENT_KEYS) {
        let AgentIdentity::PublicKey { key, .. } = identity else {
            continue;
        };
        let hashes = match hashes(handle, key.algorithm().is_rsa(), login.legacy).await? {
            Ok(hashes) => hashes,
            Err(why) => {
                last = Tried::Not(why);
                continue;
            }
        };
        for hash in hashes {
            let signed = handle.authenticate_publickey_with(user, key.clone(), hash, &mut agent);
            last = match signed.await {
                Ok(result) => outcome(result),
                Err(error) => Tried::Not(format!("it does not sign: {error}")),
            };
            if matches!(last, Tried::In) {
                return Ok(last);
            }
        }
    }
    Ok(last)
}

fn no_agent(error: &keys::Error) -> String {
    match error {
        keys::Error::EnvVar(_) => "there is none: SSH_AUTH_SOCK is not set for clusterd".to_owned(),
        keys::Error::BadAuthSock => "there is none: no socket where SSH_AUTH_SOCK says".to_owned(),
        error => format!("it cannot be reached: {error}"),
    }
}

async fn password(
    handle: &mut Handle<Watch>,
    user: &str,
    login: &SshLogin,
    offered: &MethodSet,
) -> Result<Tried, Failure> {
    let path = login.password_file.clone().unwrap_or_default();
    let read = move || {
        let path = Path::new(&path);
        let told = |fault: crate::secret::SecretFault| format!("{fault}; {}", fault.help(path));
        let secret = Secret::read(path).map_err(told)?;
        secret.line().map_err(told)?;
        Ok(secret)
    };
    let secret = match super::aside(read).await? {
        Ok(secret) => secret,
        Err(why) => return Ok(Tried::Not(why)),
    };
    let line = secret.line().expect("it was read as one line");
    if offered.contains(&MethodKind::Password) {
        let result = handle.authenticate_password(user, line).await?;
        return Ok(outcome(result));
    }
    answer(handle, user, line).await
}

/// Answers a server that asks for the password by questions of its own (RFC 4256).
async fn answer(handle: &mut Handle<Watch>, user: &str, line: &str) -> Result<Tried, Failure> {
    let start = handle.authenticate_keyboard_interactive_start(user, None);
    let mut said = start.await?;
    let mut answered = false;
    for _ in 0..QUESTIONS {
        let prompts = match said {
            KeyboardInteractiveAuthResponse::Success => return Ok(Tried::In),
            KeyboardInteractiveAuthResponse::Failure {
                remaining_methods, ..
            } => return Ok(Tried::Out(remaining_methods)),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let answers = match prompts.as_slice() {
            [] => Vec::new(),
            // Hidden typing is a password's; it is typed once.
            [one] if !one.echo && !answered => {
                answered = true;
                vec![line.to_owned()]
            }
            [one, ..] => {
                let asked = one.prompt.escape_debug().to_string();
                return Ok(Tried::Not(format!(
                    "the server asks {asked:?}, which a password does not answer"
                )));
            }
        };
        let respond = handle.authenticate_keyboard_interactive_respond(answers);
        said = respond.await?;
    }
    Ok(Tried::Not("the server asks on and on".to_owned()))
}
