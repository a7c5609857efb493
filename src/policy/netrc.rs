//! Who logs in where, as a netrc file says: `machine NAME login USER password TEXT`, one after another.
//!
//! As curl reads it: words between white space, in quotes where they hold any, `#` begins a comment at the start of
//! a line, and `macdef` ends at a blank line. The first entry for a machine counts. Deliberately absent: `default`,
//! which would hand one password to whoever is asked.

use std::collections::HashMap;

use http::HeaderValue;

use super::headers::basic;

/// Hosts, and the Authorization that each is sent; never shown.
#[derive(Debug, Clone, Default)]
pub struct Netrc(HashMap<String, HeaderValue>);

impl Netrc {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong in which line, and nothing of what stands there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut netrc = Self::default();
        let mut entry = Entry::default();
        let mut words = Words { text, line: 1 };
        while let Some(word) = words.next()? {
            match word.as_str() {
                "machine" => {
                    netrc.add(std::mem::take(&mut entry), words.line)?;
                    entry.machine = Some(words.value("machine")?);
                }
                "default" => netrc.add(std::mem::take(&mut entry), words.line)?,
                "login" => entry.login = Some(words.value("login")?),
                "password" => entry.password = Some(words.value("password")?),
                "account" => _ = words.value("account")?,
                "macdef" => words.pass_blank_line(),
                _ => {
                    let line = words.line;
                    return Err(format!(
                        "line {line}: none of machine, login, password, account, macdef, default"
                    ));
                }
            }
        }
        netrc.add(entry, words.line)?;
        Ok(netrc)
    }

    fn add(&mut self, entry: Entry, line: usize) -> Result<(), String> {
        let (Some(machine), Some(password)) = (entry.machine, entry.password) else {
            return Ok(());
        };
        let login = entry.login.unwrap_or_default();
        let mut value = HeaderValue::from_str(basic(&login, &password).reveal())
            .map_err(|_| format!("before line {line}: a login that cannot be sent"))?;
        value.set_sensitive(true);
        self.0.entry(machine.to_ascii_lowercase()).or_insert(value);
        Ok(())
    }

    /// Is nobody logged in to?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `host` is sent, which is in lower case and an IPv6 address in brackets.
    #[must_use]
    pub fn at(&self, host: &str) -> Option<&HeaderValue> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        self.0.get(host).or_else(|| self.0.get(bare))
    }
}

#[derive(Default)]
struct Entry {
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

/// What is left to be read, and the line that it begins in.
struct Words<'a> {
    text: &'a str,
    line: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            let mut letters = self.text.char_indices();
            let begin = letters.find(|(_, c)| !c.is_whitespace());
            let Some((begin, first)) = begin else {
                return Ok(None);
            };
            let passed = &self.text[..begin];
            let fresh = self.line == 1 && passed.is_empty() || passed.contains('\n');
            self.line += passed.matches('\n').count();
            self.text = &self.text[begin..];
            if first == '#' && fresh {
                let end = self.text.find('\n').unwrap_or(self.text.len());
                self.text = &self.text[end..];
            } else if first == '"' {
                return self.quoted().map(Some);
            } else {
                let end = self.text.find(char::is_whitespace);
                let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
                self.text = rest;
                return Ok(Some(word.to_owned()));
            }
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut word = String::new();
        let mut letters = self.text.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.text = &self.text[at + 1..];
                    return Ok(word);
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => word.push('\n'),
                    Some((_, 'r')) => word.push('\r'),
                    Some((_, 't')) => word.push('\t'),
                    Some((_, other)) => word.push(other),
                    None => break,
                },
                '\n' => break,
                other => word.push(other),
            }
        }
        Err(format!("line {}: a quote that does not end", self.line))
    }

    fn value(&mut self, of: &str) -> Result<String, String> {
        let line = self.line;
        self.next()?
            .ok_or_else(|| format!("line {line}: {of} without a value"))
    }

    fn pass_blank_line(&mut self) {
        let end = self.text.find("\n\n").map_or(self.text.len(), |at| at + 2);
        self.line += self.text[..end].matches('\n').count();
        self.text = &self.text[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(netrc: &'a Netrc, host: &str) -> Option<&'a str> {
        netrc.at(host).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn each_machine_has_its_login_and_nobody_has_the_default() {
        let text = "# mine\nmachine A.test\n  login u password p#1\nmachine b.test login \"a b\" password \"\\\"q\\\\\"\n\
            macdef init\ncd /x\nmachine evil.test login x password y\n\nmachine ::1 password z\n\
            machine a.test login other password other\ndefault login d password d";
        let netrc = Netrc::parse(text).expect("a netrc");
        assert_eq!(at(&netrc, "a.test"), Some("Basic dTpwIzE="));
        assert_eq!(at(&netrc, "b.test"), Some("Basic YSBiOiJxXA=="));
        assert_eq!(at(&netrc, "[::1]"), Some("Basic Ono="));
        for other in ["evil.test", "c.test", "x.a.test", ""] {
            assert_eq!(at(&netrc, other), None, "{other}");
        }
        assert!(!format!("{netrc:?}").contains("dTpw"), "{netrc:?}");
    }

    #[test]
    fn a_mistake_is_told_by_its_line_without_its_text() {
        for (text, line) in [
            ("machine a\nlogin u\npassword \"hunter2", "line 3"),
            ("\nmachine a hunter2", "line 2"),
            ("machine a login u\npassword", "line 2"),
        ] {
            let error = Netrc::parse(text).expect_err(text);
            assert!(
                error.starts_with(line) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
