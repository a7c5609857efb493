//! `--save-dir`: a folder of bodies, each in a file of its own, from the time that its first bytes come.
//!
//! A body is written beside its name, as `NAME.part`, and renamed when its record is written: whoever sees the name sees all of
//! it. One that is cut leaves the part there if it could go on by something, which is then in `NAME.from`; everything else is
//! removed. A part belongs to whoever has it locked, so two requests for the same, in one process or in two, write to a file
//! each, and the later rename counts. After a power cut a part is as good as the file system keeps its promises about order.
//!
//! Nothing here trusts what is in the folder: a folder or a part that is a symbolic link is not followed.
//!
//! | file | decides |
//! | --- | --- |
//! | `name` | which file a body is kept in |

mod name;

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::policy::resume::{self, Incomplete};

pub use name::name;

/// A folder of bodies, used from one thread.
#[derive(Debug)]
pub struct Bodies {
    root: PathBuf,
    /// What is written must outlive a power cut.
    lasting: bool,
    parts: HashMap<u64, Part>,
    /// The folder that was made sure of last.
    sure: Option<PathBuf>,
    /// Folders with new names in them that a power cut could still take.
    touched: BTreeSet<PathBuf>,
}

/// A body on its way.
#[derive(Debug)]
struct Part {
    file: File,
    /// Where it is.
    path: PathBuf,
    /// Where it will be.
    to: PathBuf,
    /// It can go on when it is cut.
    lasts: bool,
}

/// The beginning of a body that an earlier run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Bytes that need not be asked for.
    pub first: u64,
    /// What it can go on by.
    pub incomplete: Incomplete,
    /// Where its bytes are.
    pub path: PathBuf,
}

impl Bodies {
    /// In the folder `root`, which is made where it is not there. `lasting`: a state goes on with what is written.
    ///
    /// # Errors
    /// What the system said, also where nothing can be written there.
    pub fn open(root: &Path, lasting: bool) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // Better now than with the first body.
        tempfile::tempfile_in(root)?;
        Ok(Self {
            root: root.to_owned(),
            lasting,
            parts: HashMap::new(),
            sure: None,
            touched: BTreeSet::new(),
        })
    }

    /// The beginning of the body of that name, if there is one that can go on; it belongs to `id` then.
    ///
    /// # Errors
    /// What the system said.
    pub fn begun(&mut self, id: u64, name: &str) -> io::Result<Option<Begun>> {
        let to = self.root.join(name);
        let (path, from) = (beside(&to, "part"), beside(&to, "from"));
        if !is_file(&path) || !is_file(&from) {
            return Ok(None);
        }
        let Ok(incomplete) = serde_json::from_slice::<Incomplete>(&fs::read(&from)?) else {
            return Ok(None);
        };
        let file = File::options().write(true).open(&path)?;
        let first = resume::first(file.metadata()?.len());
        if first == 0 || !is_mine(&file) {
            return Ok(None);
        }
        let begun = Begun {
            first,
            incomplete,
            path: path.clone(),
        };
        let part = Part {
            file,
            path,
            to,
            lasts: true,
        };
        self.parts.insert(id, part);
        Ok(Some(begun))
    }

    /// The body that [`begun`](Self::begun) found goes on: what follows comes behind its first bytes.
    ///
    /// # Errors
    /// What the system said.
    pub fn go_on(&mut self, id: u64, first: u64) -> io::Result<()> {
        let Some(part) = self.parts.get_mut(&id) else {
            return Ok(());
        };
        part.file.set_len(first)?;
        part.file.seek(SeekFrom::Start(first)).map(drop)
    }

    /// A body begins, with what it could go on by.
    ///
    /// # Errors
    /// What the system said.
    pub fn begin(
        &mut self,
        id: u64,
        name: &str,
        incomplete: Option<&Incomplete>,
    ) -> io::Result<()> {
        let to = self.root.join(name);
        self.enter(to.parent().unwrap_or(&self.root).to_owned())?;
        let (path, from) = (beside(&to, "part"), beside(&to, "from"));
        let held = self.parts.remove(&id).map(|part| part.file);
        let file = match held {
            Some(file) => Some(file),
            None if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) => None,
            None => {
                let file = File::options()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)?;
                is_mine(&file).then_some(file)
            }
        };
        let part = if let Some(mut file) = file {
            // First there is nothing, then it is said what of: in between nothing can be believed that is not so.
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            absent(fs::remove_file(&from))?;
            if let Some(incomplete) = incomplete {
                let mut from = File::options().write(true).create_new(true).open(&from)?;
                from.write_all(&serde_json::to_vec(incomplete)?)?;
            }
            Part {
                file,
                path,
                to,
                lasts: incomplete.is_some(),
            }
        } else {
            // Somebody else is at it, or something is in the way that was not put there by us.
            let folder = to.parent().unwrap_or(&self.root);
            let made = tempfile::Builder::new()
                .prefix(".")
                .suffix(".part")
                .permissions(permissions())
                .tempfile_in(folder)?;
            let (file, path) = made.keep().map_err(|error| error.error)?;
            Part {
                file,
                path,
                to,
                lasts: false,
            }
        };
        self.parts.insert(id, part);
        Ok(())
    }

    /// More of it.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&mut self, id: u64, bytes: &[u8]) -> io::Result<()> {
        match self.parts.get_mut(&id) {
            Some(part) => part.file.write_all(bytes),
            None => Ok(()),
        }
    }

    /// It is all there and gets its name.
    ///
    /// # Errors
    /// What the system said.
    pub fn place(&mut self, id: u64) -> io::Result<()> {
        let Some(part) = self.parts.remove(&id) else {
            return Ok(());
        };
        if self.lasting {
            part.file.sync_data()?;
            self.touched.extend(part.to.parent().map(Path::to_owned));
        }
        fs::rename(&part.path, &part.to)?;
        if part.lasts {
            absent(fs::remove_file(beside(&part.to, "from")))?;
        }
        Ok(())
    }

    /// It was cut: what is there stays if it can go on.
    ///
    /// # Errors
    /// What the system said.
    pub fn leave(&mut self, id: u64) -> io::Result<()> {
        let Some(part) = self.parts.remove(&id) else {
            return Ok(());
        };
        if part.lasts && part.file.metadata()?.len() > 1 {
            return Ok(());
        }
        remove(&part)
    }

    /// Nobody wants it.
    ///
    /// # Errors
    /// What the system said.
    pub fn forget(&mut self, id: u64) -> io::Result<()> {
        self.parts.remove(&id).as_ref().map_or(Ok(()), remove)
    }

    /// Puts new names where a power cut does not take them.
    ///
    /// # Errors
    /// What the system said.
    pub fn sync(&mut self) -> io::Result<()> {
        for folder in std::mem::take(&mut self.touched) {
            match File::open(folder).and_then(|folder| folder.sync_all()) {
                // There are systems where a folder cannot be synced, and folders that are gone again.
                Err(error) if error.raw_os_error() == Some(5) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes sure of the folder of a host.
    fn enter(&mut self, folder: PathBuf) -> io::Result<()> {
        if self.sure.as_ref() == Some(&folder) {
            return Ok(());
        }
        match fs::symlink_metadata(&folder) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => {
                let what = "is in the way: it is no folder, and no link is followed";
                return Err(io::Error::other(format!("{} {what}", folder.display())));
            }
            Err(_) => {
                fs::create_dir(&folder)?;
                self.touched.insert(self.root.clone());
            }
        }
        self.sure = Some(folder);
        Ok(())
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        let ids: Vec<_> = self.parts.keys().copied().collect();
        for id in ids {
            // There is nobody to be told any more.
            let _ = self.leave(id);
        }
    }
}

/// `NAME.end`.
fn beside(name: &Path, end: &str) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
}

/// Nobody else has it; where a file system has no locks, nobody can know.
fn is_mine(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Those of any new file: the rest is for the umask.
fn permissions() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o666)
}

fn remove(part: &Part) -> io::Result<()> {
    absent(fs::remove_file(&part.path))?;
    if part.lasts {
        absent(fs::remove_file(beside(&part.to, "from")))?;
    }
    Ok(())
}

/// What is not there needs nothing done.
fn absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "h.test/a~x.bin";

    fn incomplete() -> Incomplete {
        Incomplete {
            url: "http://h.test/a.bin".into(),
            validator: "\"v\"".into(),
            content_type: None,
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder.join("h.test"))
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_body_has_its_name_when_it_is_whole_and_a_cut_one_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bodies = Bodies::open(folder.path(), true).expect("a folder");
        assert_eq!(bodies.begun(1, NAME).expect("a disk"), None);
        bodies.begin(1, NAME, Some(&incomplete())).expect("a disk");
        bodies.write(1, b"abcd").expect("a disk");
        bodies.leave(1).expect("a disk");
        assert_eq!(names(folder.path()), ["a~x.bin.from", "a~x.bin.part"]);
        let begun = bodies.begun(2, NAME).expect("a disk").expect("a part");
        assert_eq!((begun.first, &begun.incomplete), (3, &incomplete()));
        // Another request for the same does not get in its way.
        assert_eq!(bodies.begun(3, NAME).expect("a disk"), None);
        bodies.begin(3, NAME, Some(&incomplete())).expect("a disk");
        bodies.write(3, b"other").expect("a disk");
        bodies.go_on(2, begun.first).expect("a disk");
        bodies.write(2, b"def").expect("a disk");
        bodies.place(3).expect("a disk");
        bodies.place(2).expect("a disk");
        bodies.sync().expect("a disk");
        assert_eq!(names(folder.path()), ["a~x.bin"]);
        let content = fs::read(folder.path().join(NAME)).expect("a file");
        assert_eq!(content, b"abcdef");
    }

    #[test]
    fn what_cannot_go_on_and_what_nobody_wants_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bodies = Bodies::open(folder.path(), false).expect("a folder");
        for (id, can) in [(1, None), (2, Some(incomplete()))] {
            bodies.begin(id, NAME, can.as_ref()).expect("a disk");
            bodies.write(id, b"abc").expect("a disk");
            if id == 1 {
                bodies.leave(id).expect("a disk");
            } else {
                bodies.forget(id).expect("a disk");
            }
            assert!(names(folder.path()).is_empty());
        }
        bodies.begin(3, NAME, Some(&incomplete())).expect("a disk");
        bodies.write(3, b"abc").expect("a disk");
        drop(bodies);
        assert_eq!(names(folder.path()), ["a~x.bin.from", "a~x.bin.part"]);
    }

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = tempfile::tempdir().expect("a folder");
        let victim = outside.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        let mut bodies = Bodies::open(folder.path(), false).expect("a folder");
        fs::create_dir(folder.path().join("h.test")).expect("a folder");
        for name in [NAME, "h.test/a~x.bin.part"] {
            std::os::unix::fs::symlink(&victim, folder.path().join(name)).expect("a link");
        }
        bodies.begin(1, NAME, None).expect("a disk");
        bodies.write(1, b"abc").expect("a disk");
        bodies.place(1).expect("a disk");
        assert_eq!(fs::read(&victim).expect("a file"), b"precious");
        assert_eq!(fs::read(folder.path().join(NAME)).expect("a file"), b"abc");
        std::os::unix::fs::symlink(outside.path(), folder.path().join("g.test")).expect("a link");
        let refused = bodies
            .begin(2, "g.test/x~y", None)
            .map_err(|error| error.to_string());
        assert!(refused.is_err_and(|error| error.contains("no link is followed")));
    }
}
