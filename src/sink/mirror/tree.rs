//! The files of a mirror, all below one folder.
//!
//! A path here is one that [`name`](super::name) made: it cannot climb. What could still lead out of the folder is a
//! symbolic link that somebody put into it, so no folder is entered that is one; a file that is one is replaced or
//! removed itself, and not what it points to. Whoever can change the folder while a run writes to it is not guarded against.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What a mirror keeps for itself, in its folder.
pub(super) const OWN: &str = ".dragnet";

/// The folder.
pub(super) struct Tree {
    root: PathBuf,
    /// What is written must outlive a power cut.
    lasting: bool,
    /// The folder below it that was made sure of last.
    sure: Option<String>,
    /// Folders with new names in them that a power cut could still take.
    touched: BTreeSet<PathBuf>,
}

impl Tree {
    /// In the folder `root`, which is made where it is not there.
    pub(super) fn new(root: &Path, lasting: bool) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let tree = Self {
            root: root.to_owned(),
            lasting,
            sure: None,
            touched: BTreeSet::new(),
        };
        enter(&tree.own())?;
        enter(&tree.new_files())?;
        for name in ["mirror.sqlite", "mirror.sqlite-wal", "mirror.sqlite-shm"] {
            let file = tree.own().join(name);
            if fs::symlink_metadata(&file).is_ok_and(|there| !there.is_file()) {
                return Err(io::Error::other(format!(
                    "{} is no file; move it away",
                    file.display()
                )));
            }
        }
        Ok(tree)
    }

    /// Is there something in it that no mirror made?
    pub(super) fn is_foreign(root: &Path) -> io::Result<bool> {
        match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(mut entries) => {
                entries.try_fold(false, |found, entry| Ok(found || entry?.file_name() != OWN))
            }
        }
    }

    /// What the mirror keeps for itself.
    pub(super) fn own(&self) -> PathBuf {
        self.root.join(OWN)
    }

    /// Where files wait that have no name yet.
    fn new_files(&self) -> PathBuf {
        self.own().join("new")
    }

    fn waiting(&self, mark: &str) -> PathBuf {
        self.new_files().join(mark)
    }

    /// Puts a new file away, under a mark instead of a name.
    pub(super) fn keep(&mut self, mark: &str, content: &mut dyn Read) -> io::Result<()> {
        let part = self.part(content)?;
        fs::rename(part, self.waiting(mark))?;
        if self.lasting {
            self.touched.insert(self.new_files());
        }
        Ok(())
    }

    /// Forgets what was put away under that mark.
    pub(super) fn forget(&mut self, mark: &str) -> io::Result<()> {
        absent(fs::remove_file(self.waiting(mark))).map(drop)
    }

    /// Is something put away under that mark?
    pub(super) fn is_kept(&self, mark: &str) -> bool {
        self.waiting(mark).exists()
    }

    /// Gives what is put away under that mark its name.
    pub(super) fn place(&mut self, mark: &str, path: &str) -> io::Result<()> {
        let to = self.ready(path)?;
        absent(fs::rename(self.waiting(mark), &to))
            .map(drop)
            .map_err(|error| at(&to, &error))
    }

    /// Takes a name away again: the file is put away under the mark.
    pub(super) fn displace(&mut self, path: &str, mark: &str) -> io::Result<()> {
        if let Some(from) = self.found(path) {
            absent(fs::rename(from, self.waiting(mark)))?;
        }
        Ok(())
    }

    /// Writes a file, unless it has that content already.
    pub(super) fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let to = self.ready(path)?;
        let is_file = fs::symlink_metadata(&to).is_ok_and(|there| there.is_file());
        if is_file && fs::read(&to).is_ok_and(|there| there == content) {
            return Ok(());
        }
        let part = self.part(&mut &*content)?;
        fs::rename(part, &to).map_err(|error| at(&to, &error))
    }

    /// Is there a file of that name?
    pub(super) fn holds(&self, path: &str) -> bool {
        self.found(path)
            .and_then(|file| fs::symlink_metadata(file).ok())
            .is_some_and(|there| there.is_file())
    }

    /// Removes a file, and the folders that are empty without it.
    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        let Some(file) = self.found(path) else {
            return Ok(());
        };
        absent(fs::remove_file(&file)).map_err(|error| at(&file, &error))?;
        self.sure = None;
        let mut folder = Path::new(path).parent();
        // Fails for the first that has something else in it.
        while let Some(name) = folder.filter(|name| !name.as_os_str().is_empty())
            && fs::remove_dir(self.root.join(name)).is_ok()
        {
            folder = name.parent();
        }
        Ok(())
    }

    /// Removes what waits for a name and will get none.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(self.new_files())? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    /// Puts new names where a power cut does not take them.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        for folder in std::mem::take(&mut self.touched) {
            match File::open(folder).and_then(|folder| folder.sync_all()) {
                // There are systems where a folder cannot be synced, and folders that are gone again.
                Err(error) if error.raw_os_error() == Some(5) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// A file with that content that nobody knows yet.
    fn part(&self, content: &mut dyn Read) -> io::Result<PathBuf> {
        let part = self.own().join("part");
        // Whatever stands there is not written to.
        absent(fs::remove_file(&part))?;
        let mut file = File::options().write(true).create_new(true).open(&part)?;
        io::copy(content, &mut file)?;
        file.flush()?;
        if self.lasting {
            file.sync_data()?;
        }
        Ok(part)
    }

    /// Where the file of that name goes; the folders to it are there.
    fn ready(&mut self, path: &str) -> io::Result<PathBuf> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut here = self.root.clone();
        if self.sure.as_deref() == Some(folder) {
            here.push(folder);
        } else {
            for part in folder.split('/').filter(|part| !part.is_empty()) {
                let above = here.clone();
                here.push(part);
                if enter(&here)? && self.lasting {
                    self.touched.insert(above);
                }
            }
            self.sure = Some(folder.to_owned());
        }
        if self.lasting {
            self.touched.insert(here.clone());
        }
        Ok(here.join(name))
    }

    /// Where the file of that name is, if the way there is one of folders.
    fn found(&self, path: &str) -> Option<PathBuf> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut here = self.root.clone();
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            here.push(part);
            let there = fs::symlink_metadata(&here).ok()?;
            if !there.is_dir() {
                return None;
            }
        }
        Some(here.join(name))
    }
}

/// Makes sure of a folder; says whether it is new.
fn enter(folder: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(folder) {
        Ok(there) if there.is_dir() => Ok(false),
        Ok(there) => {
            let what = if there.is_symlink() {
                "a symbolic link, which a mirror does not follow"
            } else {
                "a file, and a folder has to be there"
            };
            Err(io::Error::other(format!(
                "{} is {what}; move it away",
                folder.display()
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir(folder).map_err(|error| at(folder, &error))?;
            Ok(true)
        }
        Err(error) => Err(at(folder, &error)),
    }
}

/// What is not there needs nothing done; says whether it was.
fn absent(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
