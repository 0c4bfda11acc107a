//! A proxy that does nothing: hyper takes a call, hyper makes it again, and the answer flows back as it comes.
//!
//! It knows no credentials, limits, retries, logs or metrics, and looks at no body. So what it costs is what any proxy
//! of hyper's costs at least.

use std::{io, net::SocketAddr};

use hyper::{
    Request, Response, Uri,
    body::Incoming,
    header::{CONNECTION, HOST, HeaderValue},
    http::uri::{Authority, Scheme},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, runtime};

use crate::Failure;

/// Callers' connections, each with one to the provider.
const IDLE_CONNECTIONS: usize = 64;

type Provider = Client<HttpConnector, Incoming>;

/// Relays between an address and a provider until the process is ended.
pub(crate) fn serve(address: SocketAddr, provider: SocketAddr) -> Result<(), Failure> {
    // One thread, as the proxy and nginx's worker have.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(relay(address, provider))
}

async fn relay(address: SocketAddr, provider: SocketAddr) -> Result<(), Failure> {
    let authority: Authority = provider.to_string().parse()?;
    let host = HeaderValue::from_str(authority.as_str())?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Provider = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build(connector);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, authority, host) = (client.clone(), authority.clone(), host.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let directed = direct(&mut request, &authority, &host);
            let client = client.clone();
            async move {
                directed.map_err(io::Error::other)?;
                let answered: Result<Response<Incoming>, _> = client.request(request).await;
                answered.map_err(io::Error::other)
            }
        });
        // Without a timer no connection is closed while others are measured.
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A caller who is gone has nothing to be told.
            let _ = connection.await;
        });
    }
}

/// Addresses a request to the provider, without what was about the caller's connection.
fn direct(
    request: &mut Request<Incoming>,
    authority: &Authority,
    host: &HeaderValue,
) -> Result<(), Failure> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    *request.uri_mut() = Uri::from_parts(parts)?;
    let headers = request.headers_mut();
    headers.remove(CONNECTION);
    headers.insert(HOST, host.clone());
    Ok(())
}
