//! Each fault, as who calls through it sees it.

use std::{io, net::Ipv4Addr};

use tokio::io::AsyncReadExt as _;

use super::*;

/// A provider that answers everything, and tells how many whole requests it has had.
async fn provider() -> (SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (had, count) = watch::channel(0);
    let had = Arc::new(had);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let had = Arc::clone(&had);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Ok(Some(_)) = Message::read(&mut stream).await {
                    had.send_modify(|count| *count += 1);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"ok\":123}";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (address, count)
}

async fn injector(faults: &[Fault]) -> (Injector, watch::Receiver<usize>) {
    let (address, count) = provider().await;
    let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 72));
    let injector = Injector::start(own, address, Speaks::HubSpot);
    let faults = faults.iter().map(|fault| ("POST", *fault)).collect();
    injector.begin(Plan::Script(faults));
    (injector, count)
}

/// A call on a connection of its own: all that comes back.
async fn call(injector: &Injector) -> io::Result<String> {
    let mut stream = TcpStream::connect(injector.address()).await?;
    let request = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n{\"a\": 12}";
    stream.write_all(request).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn what_meets_no_fault_goes_through() {
    let (injector, count) = injector(&[]).await;
    assert!(call(&injector).await.unwrap().ends_with("{\"ok\":123}"));
    assert_eq!(*count.borrow(), 1);
    let seen = injector.seal().await;
    assert_eq!(seen[0].call, "POST /x");
    // Behind a closed door nothing gets through.
    assert!(call(&injector).await.is_err());
    assert_eq!(*count.borrow(), 1);
}

#[tokio::test]
async fn what_was_not_carried_out_never_reaches_the_provider() {
    for fault in [
        Fault::ResetBefore,
        Fault::ResetDuring,
        Fault::Throttled(Some(1)),
        Fault::ErrorBefore(503),
        Fault::Unauthorized,
        Fault::Gateway { carried_out: false },
        Fault::Deaf(Duration::from_millis(50)),
    ] {
        assert!(!fault.may_be_carried_out());
        let (injector, count) = injector(&[fault]).await;
        let answer = call(&injector).await;
        assert!(
            answer.map_or(true, |text| !text.starts_with("HTTP/1.1 200")),
            "{fault:?}"
        );
        injector.seal().await;
        assert_eq!(*count.borrow(), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_carried_out_reaches_the_provider_whatever_is_told_of_it() {
    for (fault, whole) in [
        (Fault::ResetAfter, false),
        (Fault::CloseAfter, false),
        (Fault::Truncated(50), false),
        (Fault::Corrupt(50), false),
        (Fault::LengthShort, true),
        (Fault::LengthLong, true),
        (Fault::ErrorAfter(500), false),
        (Fault::Gateway { carried_out: true }, false),
        (Fault::Page, false),
        (Fault::Drip(Duration::from_millis(20)), true),
        (Fault::DelayBefore(Duration::from_millis(20)), true),
        (Fault::DelayAfter(Duration::from_millis(20)), true),
        (Fault::HalfClosed, true),
    ] {
        assert!(fault.may_be_carried_out());
        let (injector, count) = injector(&[fault]).await;
        let answer = call(&injector).await.unwrap_or_default();
        assert_eq!(
            answer.ends_with("{\"ok\":123}"),
            whole,
            "{fault:?}: {answer}"
        );
        assert_eq!(*count.borrow(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_wrong_length_is_told_with_the_whole_body() {
    for (fault, told) in [(Fault::LengthShort, "6"), (Fault::LengthLong, "17")] {
        let (injector, _) = injector(&[fault]).await;
        let answer = call(&injector).await.unwrap();
        assert!(
            answer.contains(&format!("content-length: {told}\r\n")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_deaf_provider_refuses_connections_and_listens_again() {
    let (injector, _) = injector(&[Fault::Deaf(Duration::from_millis(300))]).await;
    assert!(call(&injector).await.is_err());
    let refused = loop {
        match TcpStream::connect(injector.address()).await {
            Err(error) => break error,
            // The order is under way.
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let again = tokio::time::timeout(Duration::from_secs(10), async {
        while call(&injector).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(again.await.is_ok());
}
