//! A console that a person plays: firmware, login prompt, or silence.

use std::collections::{BTreeMap, VecDeque};

/// The usual life of one console: what it shows when something is typed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// A firmware prompt that answers.
    Prompt,
    /// A login prompt for every RETURN.
    Login,
    /// Nothing.
    Nothing,
}

/// A console that a person plays.
#[derive(Clone, Debug)]
pub struct Console {
    pub shows: Shows,
    pub host_id: String,
    pub variables: BTreeMap<String, String>,
    /// Lines whose answer is another one, once: how they begin, and all that comes then. `{line}` is what
    /// was typed, `{answer}` what would have come.
    pub instead: Vec<(String, String)>,
    /// What a reset shows before its prompt, besides the banner.
    pub resets: String,
    /// Typed so far, without its RETURN.
    pub line: String,
    /// Everything that was typed there.
    pub typed: String,
    pub breaks: usize,
    /// It answers this to that, in this order, and nothing to anything else.
    pub played: Option<VecDeque<(String, String)>>,
    /// What was typed since its last answer.
    unanswered: String,
    word: Option<(String, String)>,
}

impl Console {
    /// That of this node, which shows this.
    pub fn new(n: usize, shows: Shows) -> Console {
        Console {
            shows,
            host_id: format!("8077000{}", n + 1),
            variables: [
                ("auto-boot?", "true"),
                ("boot-device", "disk"),
                ("error-reset-recovery", "sync"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            instead: Vec::new(),
            resets: String::new(),
            line: String::new(),
            typed: String::new(),
            breaks: 0,
            played: None,
            unanswered: String::new(),
            word: None,
        }
    }

    /// Something is typed; what it shows then.
    pub fn hears(&mut self, text: &str) -> String {
        self.typed.push_str(text);
        if let Some(played) = &mut self.played {
            self.unanswered.push_str(text);
            let due = played
                .front()
                .filter(|(typed, _)| *typed == self.unanswered);
            let answer = due.map(|(_, answer)| answer.clone());
            if answer.is_some() {
                played.pop_front();
                self.unanswered.clear();
            }
            return answer.unwrap_or_default();
        }
        let mut said = String::new();
        for c in text.chars() {
            match c {
                '\x15' => self.line.clear(),
                '\r' => {
                    let line = std::mem::take(&mut self.line);
                    said.push_str(&self.runs(&line));
                }
                c => self.line.push(c),
            }
        }
        if !self.line.is_empty() && self.shows != Shows::Nothing {
            said.push_str(&self.line);
        }
        said
    }

    fn runs(&mut self, line: &str) -> String {
        let instead = |(begins, _): &(String, String)| line.starts_with(begins.as_str());
        if !line.is_empty()
            && let Some(at) = self.instead.iter().position(instead)
        {
            let said = self.instead.remove(at).1;
            let answer = self.firmware(line);
            return said.replace("{line}", line).replace("{answer}", &answer);
        }
        match self.shows {
            Shows::Nothing => String::new(),
            Shows::Login => format!("{line}\r\nnode console login: "),
            Shows::Prompt => {
                let answer = self.firmware(line);
                match self.shows {
                    Shows::Prompt => format!("{line}\r\n{answer}ok "),
                    _ => format!("{line}\r\n{answer}"),
                }
            }
        }
    }

    fn firmware(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let sum = |a: &str, b: &str| {
            let number = |word| u64::from_str_radix(word, 16).expect("hexadecimal");
            format!("{:x}", number(a) + number(b))
        };
        match words.as_slice() {
            [] => String::new(),
            ["hex", a, b, "+", "u."] => format!("{}\r\n", sum(a, b)),
            ["banner"] => self.banner(),
            ["setenv", name, value] => {
                self.variables
                    .insert((*name).to_owned(), (*value).to_owned());
                format!("{name} = {value}\r\n")
            }
            ["printenv", name] => match self.variables.get(*name) {
                Some(value) => format!("{name} =    {value}\r\n"),
                None => format!("{name} is not a configuration variable.\r\n"),
            },
            [":", word, a, b, "+", "u.", ";"] => {
                self.word = Some(((*word).to_owned(), sum(a, b)));
                String::new()
            }
            ["reset-all"] => {
                self.word = None;
                format!("{}{}", self.banner(), self.resets)
            }
            ["boot", ..] => {
                self.shows = Shows::Login;
                "Boot device: disk  File and args:\r\nnode console login: ".to_owned()
            }
            ["go"] => {
                self.shows = Shows::Login;
                String::new()
            }
            [word, ..] => match &self.word {
                Some((known, sum)) if known == word => format!("{sum}\r\n"),
                _ => format!("{word} ?\r\n"),
            },
        }
    }

    fn banner(&self) -> String {
        format!(
            "Ethernet address 8:0:20:c0:ff:ee, Host ID: {}.\r\n",
            self.host_id
        )
    }
}
