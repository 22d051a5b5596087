//! How one logs in to a console behind SSH.

/// What is shown to an SSH server, and what it must show. Paths are found from the home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshLogin {
    /// The file of a private key without passphrase.
    pub key: Option<String>,
    /// Whether the keys of the agent at `$SSH_AUTH_SOCK` are tried.
    pub agent: bool,
    /// The file that holds the password, readable by its owner alone.
    pub password_file: Option<String>,
    /// The file of the servers' keys, as OpenSSH writes it.
    pub known_hosts: String,
    /// Whether a server that the file does not know is believed the first time, and written there.
    /// One whose key has changed never is.
    pub accept_new: bool,
    /// Whether algorithms of old terminal servers are offered too (SHA-1 exchanges, CBC ciphers).
    pub legacy: bool,
    /// What is run there, on a terminal; none: the login shell.
    pub command: Option<String>,
    /// Whether a terminal is asked for.
    pub pty: bool,
}

impl Default for SshLogin {
    fn default() -> SshLogin {
        SshLogin {
            key: None,
            agent: false,
            password_file: None,
            known_hosts: "known_hosts".to_owned(),
            accept_new: false,
            legacy: false,
            command: None,
            pty: true,
        }
    }
}
