//! Servers of this process that behave as a test wants, and keep what they were sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::daemon_support::until;

/// What a web server does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Web {
    /// Answers with this status.
    Status(u16),
    /// Reads it and says nothing, for ever.
    Silent,
    /// Answers with something that is no HTTP.
    Garbage,
    /// Closes without a word.
    Closes,
    /// Writes a head without an end, as fast as it is read.
    Endless,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Heard {
    pub head: String,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|err| panic!("{err}: {}", self.body))
    }
}

/// A server, and what it heard.
#[derive(Clone)]
pub struct Server {
    pub at: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until a request was heard that `fits`.
    pub fn hears(&self, what: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        until(what, || self.heard().into_iter().find(|heard| fits(heard)))
    }

    /// Waits for a message about this code, of this kind.
    pub fn message(&self, kind: &str, code: &str) -> Value {
        let fits = |heard: &Heard| {
            let json = heard.json();
            json["kind"] == kind && json["code"] == code
        };
        self.hears(&format!("{kind} {code}"), fits).json()
    }
}

/// A port of the kernel's choosing that nobody listens at.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A web server that does this with its n-th request, from 0.
pub fn web(does: impl Fn(usize) -> Web + Send + 'static) -> Server {
    web_at("127.0.0.1:0", does)
}

pub fn web_at(at: &str, does: impl Fn(usize) -> Web + Send + 'static) -> Server {
    serve(at, move |stream, number| {
        let heard = request(&stream)?;
        let mut to = stream.try_clone().ok()?;
        // A client that has gone is its own affair.
        match does(number) {
            Web::Status(status) => {
                let head = format!(
                    "HTTP/1.1 {status} So\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = to.write_all(head.as_bytes());
            }
            Web::Silent => {
                let _ = to.read(&mut [0]);
            }
            Web::Garbage => {
                let _ = to.write_all(b"220 this is no web server\r\n");
            }
            Web::Closes => {}
            Web::Endless => {
                let _ = to.write_all(b"HTTP/1.1 200 OK\r\n");
                while to
                    .write_all(b"X-More: and more and more and more\r\n")
                    .is_ok()
                {}
            }
        }
        Some(heard)
    })
}

/// A web server that answers a request with the status that this makes of it.
pub fn web_that(says: impl Fn(&Heard) -> u16 + Send + 'static) -> Server {
    serve("127.0.0.1:0", move |stream, _| {
        let heard = request(&stream)?;
        let head = format!(
            "HTTP/1.1 {} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            says(&heard)
        );
        // A client that has gone is its own affair.
        let _ = stream.try_clone().ok()?.write_all(head.as_bytes());
        Some(heard)
    })
}

fn request(stream: &TcpStream) -> Option<Heard> {
    let mut from = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Heard { head, body })
}

/// What a mail server answers, by the first word of each command.
#[derive(Clone, Copy, Debug)]
pub enum Post {
    /// Takes every mail.
    Takes,
    /// Refuses this receiver for good.
    Refuses(&'static str),
    /// Greets, and says nothing more.
    Silent,
    /// Sends its greeting byte by byte, without an end.
    Drips,
}

/// A mail server; what it heard has the receivers as head.
pub fn mail(post: Post) -> Server {
    serve("127.0.0.1:0", move |stream, _| {
        let mut to = stream.try_clone().ok()?;
        let mut from = BufReader::new(&stream);
        if matches!(post, Post::Drips) {
            while to.write_all(b"220-more\r\n").is_ok() {}
            return None;
        }
        to.write_all(b"220 here\r\n").ok()?;
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let answer = match (line.split([' ', '\r']).next().unwrap_or(""), post) {
                (_, Post::Silent) => continue,
                ("RCPT", Post::Refuses(who)) if line.contains(who) => "550 nobody of that name\r\n",
                ("RCPT", _) => {
                    head.push_str(&line);
                    "250 ok\r\n"
                }
                ("DATA", _) => {
                    to.write_all(b"354 go on\r\n").ok()?;
                    let mut body = String::new();
                    while !body.ends_with("\r\n.\r\n") {
                        if from.read_line(&mut body).ok()? == 0 {
                            return None;
                        }
                    }
                    to.write_all(b"250 taken\r\n").ok()?;
                    return Some(Heard { head, body });
                }
                ("QUIT", _) => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            to.write_all(answer.as_bytes()).ok()?;
        }
    })
}

fn serve(at: &str, talk: impl Fn(TcpStream, usize) -> Option<Heard> + Send + 'static) -> Server {
    let listener = TcpListener::bind(at).unwrap();
    let server = Server {
        at: listener.local_addr().unwrap(),
        heard: Arc::default(),
    };
    let heard = Arc::clone(&server.heard);
    let talk = Arc::new(Mutex::new(talk));
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (talk, heard) = (Arc::clone(&talk), Arc::clone(&heard));
            let stream = stream.unwrap();
            std::thread::spawn(move || {
                let said = talk.lock().unwrap()(stream, number);
                heard.lock().unwrap().extend(said);
            });
        }
    });
    server
}
