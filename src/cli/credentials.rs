//! The flags that say who we are: fields, logins, cookies. What is secret in them is read from a file or from the
//! environment, because a process list shows every argument to everyone.
//!
//! Nothing is parsed by clap, whose messages repeat what was given: here a mistake is told without it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::Args;
use dragnet::model::{Origin, Secret};
use dragnet::policy::cookies::Jar;
use dragnet::policy::headers::{AGENT, Bound, basic};
use dragnet::policy::netrc::Netrc;
use http::{HeaderName, HeaderValue};
use tempfile::NamedTempFile;
use url::Url;

/// Flags about who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct CredentialOptions {
    /// A field for the hosts that you named; it never follows a redirect to another origin. VALUE may be env:NAME, to
    /// read it from the environment; @FILE stands for the fields in a file, one a line
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The User-Agent field
    #[arg(short = 'A', long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// Log in at the hosts that you named (Basic); the password is read from a file, USER:@FILE, or from the environment,
    /// USER:env:NAME. Without USER: they hold both, as user:password
    #[arg(short, long, value_name = "USER:SOURCE")]
    user: Option<String>,
    /// Log in at the hosts that you named with a token, read from a file, @FILE, or from the environment, env:NAME
    #[arg(long, value_name = "SOURCE", conflicts_with = "user")]
    bearer: Option<String>,
    /// Log in at the hosts that you named as ~/.netrc says, or the file that NETRC names
    #[arg(long)]
    netrc: bool,
    /// The same by another file
    #[arg(long, value_name = "FILE")]
    netrc_file: Option<PathBuf>,
    /// Send the cookies in this file (Netscape's format), obey Set-Cookie, and write them back at the end
    #[arg(long, value_name = "FILE")]
    cookie_jar: Option<PathBuf>,
}

/// What those flags mean.
pub(super) struct Credentials {
    pub(super) fields: Bound,
    pub(super) jar: Option<JarFile>,
    /// To be said once the reporter is there.
    pub(super) warning: Option<String>,
}

impl CredentialOptions {
    /// The name that we go by.
    pub(super) fn agent(&self) -> &str {
        self.user_agent.as_deref().unwrap_or(AGENT)
    }

    /// Reads whatever is to be read; `named` are the origins that it is for (`None`: every target is one that the user
    /// named).
    pub(super) fn read(&self, named: Option<HashSet<Origin>>) -> anyhow::Result<Credentials> {
        let mut fields = Vec::new();
        for text in &self.header {
            if let Some(path) = text.strip_prefix('@') {
                let lines = file(Path::new(path)).context("-H @FILE")?;
                let lines = lines.lines().map(str::trim);
                for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    fields.push(field(line).with_context(|| format!("-H @{path}"))?);
                }
            } else {
                fields.push(field(text).context("-H")?);
            }
        }
        let login = match (&self.user, &self.bearer) {
            (Some(text), _) => Some(user(text)?),
            (_, Some(text)) => Some(bearer(text)?),
            _ => None,
        };
        if let Some(login) = login {
            if fields
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            {
                bail!("-H Authorization and -u or --bearer say the same; give one of them");
            }
            fields.push(("Authorization".to_owned(), login));
        }
        let mut bound = Bound::new(self.agent(), fields, named).context("cannot use a field")?;
        let mut warning = None;
        if self.netrc || self.netrc_file.is_some() {
            let path = self.netrc_path()?;
            let text = file(&path).context("--netrc")?;
            let logins = Netrc::parse(&text);
            let logins = logins.map_err(|error| {
                anyhow::anyhow!("--netrc: cannot read {}: {error}", path.display())
            })?;
            bound = bound.with_logins(logins);
            warning = open_to_others(&path);
        }
        let jar = self.cookie_jar.as_deref().map(JarFile::open).transpose()?;
        Ok(Credentials {
            fields: bound,
            jar,
            warning,
        })
    }

    fn netrc_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.netrc_file {
            return Ok(path.clone());
        }
        if let Some(path) = std::env::var_os("NETRC").filter(|path| !path.is_empty()) {
            return Ok(path.into());
        }
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let home =
            home.context("--netrc: there is no home folder; name the file with --netrc-file")?;
        Ok(home.join(".netrc"))
    }
}

/// `Name: value`.
fn field(text: &str) -> anyhow::Result<(String, Secret)> {
    let (name, value) = text
        .split_once(':')
        .context("a field is written 'Name: value'")?;
    let (name, value) = (name.trim(), value.trim());
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        bail!("{} is no field name", name.escape_debug());
    }
    let value = if value.starts_with("env:") {
        source(value).with_context(|| name.to_owned())?
    } else {
        Secret::new(value)
    };
    if HeaderValue::from_str(value.reveal()).is_err() {
        bail!("{name}: the value has characters that a field cannot carry");
    }
    Ok((name.to_owned(), value))
}

/// The Authorization of `-u`.
fn user(text: &str) -> anyhow::Result<Secret> {
    const WAYS: &str = "-u takes the password from a file or from the environment, not from where everyone sees it: \
        -u USER:@FILE or -u USER:env:NAME; -u @FILE or -u env:NAME for user:password";
    if text.starts_with('@') || text.starts_with("env:") {
        let both = source(text).context("-u")?;
        let (user, password) = both
            .reveal()
            .split_once(':')
            .context("-u: what is there is not of the form user:password")?;
        return Ok(basic(user, password));
    }
    let (user, from) = text.split_once(':').context(WAYS)?;
    let password = match from {
        "" => Secret::new(""),
        from if from.starts_with('@') || from.starts_with("env:") => source(from).context("-u")?,
        _ => bail!(WAYS),
    };
    Ok(basic(user, password.reveal()))
}

/// The Authorization of `--bearer` (RFC 6750).
fn bearer(text: &str) -> anyhow::Result<Secret> {
    if !text.starts_with('@') && !text.starts_with("env:") {
        bail!(
            "--bearer takes the token from a file or from the environment, not from where everyone sees it: \
             --bearer @FILE or --bearer env:NAME"
        );
    }
    let token = source(text).context("--bearer")?;
    if token.reveal().is_empty() || !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("--bearer: what is there is no token");
    }
    Ok(Secret::new(format!("Bearer {}", token.reveal())))
}

/// The same, with the token of the environment at the origins of GitHub, where there is one.
pub(super) fn at_github(fields: Bound) -> anyhow::Result<Bound> {
    let Some(token) = std::env::var_os("GITHUB_TOKEN").filter(|token| !token.is_empty()) else {
        return Ok(fields);
    };
    let token = token.to_str().map(str::trim);
    let Some(token) = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
    else {
        bail!("GITHUB_TOKEN in the environment is no token; take it away to go without");
    };
    let origins = ["https://github.com/", "https://api.github.com/"].map(Url::parse);
    let origins = origins.into_iter().flatten().map(|url| Origin::of(&url));
    Ok(fields.with_token(token, origins)?)
}

/// What `@FILE` or `env:NAME` holds, without the line end of a file.
pub(super) fn source(text: &str) -> anyhow::Result<Secret> {
    if let Some(path) = text.strip_prefix('@') {
        let text = file(Path::new(path))?;
        return Ok(Secret::new(text.trim_end_matches(['\n', '\r'])));
    }
    let name = text.strip_prefix("env:").unwrap_or(text);
    match std::env::var(name) {
        Ok(value) => Ok(Secret::new(value)),
        Err(std::env::VarError::NotPresent) => bail!("the environment has no {name}"),
        Err(_) => bail!("{name} in the environment is not UTF-8"),
    }
}

fn file(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What to say about a file of passwords that others may read.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!("others may read the passwords in {path} (take that back with: chmod 600 {path})")
    })
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<String> {
    None
}

/// A cookie jar and the file that it came from.
pub(super) struct JarFile {
    path: PathBuf,
    pub(super) jar: Rc<RefCell<Jar>>,
}

impl JarFile {
    /// Reads the file if there is one, and finds out now whether it can be written.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let named = || format!("--cookie-jar {}", path.display());
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            text => text.with_context(named)?,
        };
        let text = String::from_utf8(text).ok();
        let text = text.with_context(|| format!("{} is not UTF-8", named()))?;
        let jar = Jar::parse(&text, SystemTime::now())
            .map_err(|error| anyhow::anyhow!("{}: {error}", named()))?;
        let file = Self {
            // A link stays one: what it leads to is written.
            path: std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            jar: Rc::new(RefCell::new(jar)),
        };
        file.beside().with_context(named)?;
        Ok(file)
    }

    /// A file next to it, which nobody else may read.
    fn beside(&self) -> std::io::Result<NamedTempFile> {
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
    }

    /// Writes the jar back, as a whole or not at all.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let write = || {
            let mut file = self.beside()?;
            let text = self.jar.borrow().text(SystemTime::now());
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok::<_, std::io::Error>(())
        };
        write().with_context(|| format!("cannot write the cookies to {}", self.path.display()))
    }
}
