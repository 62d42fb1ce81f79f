//! Who is called: it answers late, and not always well.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use turmoil::net::TcpListener;

use crate::entropy;
use crate::ledger::{Delivery, Ledger};

/// Where jobs are told to call.
pub(crate) const URL: &str = "http://receiver:80/hook";

/// Takes calls for ever.
pub(crate) async fn serve(ledger: Ledger) -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let ledger = ledger.clone();
        let answer = service_fn(move |request| answer(ledger.clone(), request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
        );
    }
}

async fn answer(ledger: Ledger, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut drawn = [0; 2];
    let _ = entropy::fill(&mut drawn);
    let status = if drawn[0] < 25 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let delivery = Delivery {
        execution: header("x-chronos-execution-id"),
        job: header("x-chronos-job-id"),
        attempt: header("x-chronos-attempt").parse().unwrap_or_default(),
        scheduled: header("x-chronos-scheduled-time"),
        trigger: header("x-chronos-trigger"),
        status: status.as_u16(),
    };
    let Delivery { execution, attempt, scheduled, .. } = &delivery;
    ledger.note(format_args!("delivery {execution} attempt {attempt} of {scheduled}: {}", delivery.status));
    ledger.with(|seen| seen.deliveries.push(delivery));
    tokio::time::sleep(Duration::from_millis(u64::from(drawn[1]))).await;
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
