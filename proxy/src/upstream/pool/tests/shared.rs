//! HTTP/2, over TLS with a certificate made for the test.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize},
};

use hyper::service::service_fn;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server that answers each request with its path, a moment later.
struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    /// From now on a connection is closed after the exchanges that are under way.
    closes: Arc<AtomicBool>,
    pool: Pool,
}

impl Server {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        server.alpn_protocols = vec![b"h2".to_vec()];
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(Reach::Loopback));
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_tls_config(client);
        let pool = Pool::new(tls.https_only().enable_all_versions().wrap_connector(tcp));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, closes) = (Arc::default(), Arc::default());
        let serving = serve(
            listener,
            TlsAcceptor::from(Arc::new(server)),
            Arc::clone(&accepted),
            Arc::clone(&closes),
        );
        tokio::spawn(serving);
        Self {
            address,
            accepted,
            closes,
            pool,
        }
    }

    async fn ask(&self, path: &str) -> Bytes {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = format!("https://{}{path}", self.address).parse().unwrap();
        let response = self.pool.exchange(&mut request, || {}).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        response.into_body().collect().await.unwrap().to_bytes()
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    accepted: Arc<AtomicUsize>,
    closes: Arc<AtomicBool>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::SeqCst);
        let (tls, closes) = (tls.clone(), Arc::clone(&closes));
        tokio::spawn(async move {
            let stream = TokioIo::new(tls.accept(stream).await.unwrap());
            let service = service_fn(|request: Request<Incoming>| async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let path = request.uri().path().to_owned();
                Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(path)))
            });
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, service);
            let mut connection = pin!(connection);
            loop {
                tokio::select! {
                    _ = &mut connection => return,
                    () = tokio::time::sleep(Duration::from_millis(5)) => {
                        if closes.swap(false, Ordering::SeqCst) {
                            connection.as_mut().graceful_shutdown();
                        }
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn exchanges_at_one_time_share_a_connection() {
    let server = Server::start().await;
    assert_eq!(server.ask("/first").await, "/first");
    let paths: Vec<String> = (0..50).map(|at| format!("/{at}")).collect();
    let all = paths.iter().map(|path| server.ask(path));
    for (path, answered) in paths.iter().zip(join_all(all).await) {
        assert_eq!(*path, answered);
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn those_who_come_first_at_one_time_end_up_with_one_connection() {
    let server = Server::start().await;
    let paths: Vec<String> = (0..10).map(|at| format!("/{at}")).collect();
    join_all(paths.iter().map(|path| server.ask(path))).await;
    let accepted = server.accepted();
    join_all(paths.iter().map(|path| server.ask(path))).await;
    assert_eq!(server.accepted(), accepted, "no further one is opened");
}

#[tokio::test]
async fn a_shared_connection_that_was_closed_is_replaced() {
    let server = Server::start().await;
    for round in 1..4 {
        assert_eq!(server.ask("/a").await, "/a");
        assert_eq!(server.accepted(), round);
        server.closes.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

#[tokio::test]
async fn a_shared_connection_that_stays_idle_is_closed() {
    let server = Server::start().await;
    server.ask("/a").await;
    if let Some((_, since)) = server
        .pool
        .idle
        .lines()
        .by_origin
        .values_mut()
        .find_map(|kept| kept.shared.as_mut())
    {
        *since -= IDLE;
    }
    assert!(!server.pool.idle.sweep());
    assert_eq!(server.ask("/b").await, "/b");
    assert_eq!(server.accepted(), 2);
}

/// The outputs of futures that run side by side, in their order.
async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ended) = future.as_mut().poll(cx)
            {
                *output = Some(ended);
            }
        }
        if outputs.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
