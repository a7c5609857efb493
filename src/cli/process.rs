//! What the process itself has to do with the system: signals, file sizes, and the number of open descriptors.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::rc::Rc;

use dragnet::job::Stop;
use tokio::signal::unix::{SignalKind, signal};

/// Descriptors that are not connections: streams, files, state, the runtime's own, look-ups under way.
const RESERVE: u64 = 64;

/// SIGXFSZ, which is 25 wherever this runs.
const XFSZ: i32 = 25;

/// The signals that end a run: the first asks, the second takes.
#[derive(Clone, Default)]
pub(super) struct Signals {
    last: Rc<Cell<u8>>,
}

impl Signals {
    /// The exit code of the signal that came.
    pub(super) fn code(&self) -> u8 {
        match self.last.get() {
            0 => 130,
            code => code,
        }
    }

    /// Listens beside `work`: on the first SIGINT, SIGTERM or SIGHUP asks `stop` and says so, on the
    /// second exits at once.
    pub(super) async fn watch<T>(
        &self,
        stop: &Stop,
        say: impl Fn(&str),
        work: impl Future<Output = T>,
    ) -> T {
        // A write past the limit on file sizes shall fail like one to a full disk, with a message; unheard, this
        // signal ends the process.
        let _xfsz = signal(SignalKind::from_raw(XFSZ));
        let listen = async {
            let (Ok(mut int), Ok(mut term), Ok(mut hup)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
                signal(SignalKind::hangup()),
            ) else {
                // Without handlers the signals do what they always did.
                return std::future::pending::<()>().await;
            };
            loop {
                let code = tokio::select! {
                    _ = int.recv() => 130,
                    _ = term.recv() => 143,
                    _ = hup.recv() => 129,
                };
                if stop.is_asked() {
                    exit_now(code);
                }
                self.last.set(code);
                say("ending; requests in flight are given 5 s, the same again ends at once");
                stop.ask();
            }
        };
        let mut work = std::pin::pin!(work);
        let mut listen = std::pin::pin!(listen);
        tokio::select! {
            biased;
            result = &mut work => result,
            () = &mut listen => work.await,
        }
    }
}

#[expect(
    clippy::exit,
    reason = "asked for twice: nothing is waited for any more"
)]
fn exit_now(code: u8) -> ! {
    std::process::exit(code.into())
}

/// The width that the descriptor limit allows, after it has been raised as far as it goes; each request takes `each`.
///
/// Where it is less than what was asked for, the second value is the warning to give; nothing will be
/// reported broken for want of descriptors.
pub(super) fn width(asked: NonZeroUsize, each: u64) -> (NonZeroUsize, Option<String>) {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let possible = usize::try_from(limit.saturating_sub(RESERVE) / each)
        .unwrap_or(usize::MAX)
        .max(1);
    match NonZeroUsize::new(possible) {
        Some(possible) if possible < asked => {
            let warning = format!(
                "at most {limit} files may be open here, so {possible} requests are in flight instead of {asked} \
                 (raise it with: ulimit -n {})",
                asked.get() as u64 * each + RESERVE
            );
            (possible, Some(warning))
        }
        _ => (asked, None),
    }
}
