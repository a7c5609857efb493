//! Which time was over, said with the flag that sets it. The times that must not be over are minutes long.

use super::*;

async fn late(options: Options, reply: Reply) -> String {
    let server = Server::always(reply).await;
    let error = get(&fetcher(options), &server.url()).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Timeout);
    assert!(error.transient, "a slow server may be quicker next time");
    error.failure.message.into_owned()
}

/// Only what a test shortens can be over.
fn patient() -> Options {
    let long = Duration::from_secs(600);
    Options {
        timeout: long,
        header_timeout: long,
        idle_timeout: long,
        ..options()
    }
}

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_that_never_ends_a_silence_a_trickle_and_the_whole_have_times_of_their_own() {
    let header = Options {
        header_timeout: SHORT,
        ..patient()
    };
    let idle = Options {
        idle_timeout: SHORT,
        ..patient()
    };
    let rate = Options {
        idle_timeout: SHORT,
        min_rate: 1 << 50,
        max_size: u64::MAX,
        ..patient()
    };
    let whole = Options {
        timeout: SHORT,
        ..patient()
    };
    let half_a_head = || Reply::Stall(b"HTTP/1.1 200 OK\r\nX: ".to_vec());
    let interim = || Reply::Endless(vec![], b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec());
    let begun = || b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhel".to_vec();
    let endless = || b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    for (options, reply, told) in [
        (header.clone(), half_a_head(), "--header-timeout"),
        (header.clone(), interim(), "--header-timeout"),
        (header, Reply::Stall(vec![]), "--header-timeout"),
        (
            idle,
            Reply::Stall(begun()),
            "--idle-timeout): stopped after 3 bytes",
        ),
        (rate, Reply::Endless(endless(), b"x".to_vec()), "--min-rate"),
        (
            whole.clone(),
            half_a_head(),
            "--timeout): stopped while waiting",
        ),
        (
            whole,
            Reply::Stall(begun()),
            "--timeout): stopped after 3 bytes",
        ),
    ] {
        let message = late(options, reply).await;
        assert!(message.contains(told), "{told}: {message}");
    }
}
