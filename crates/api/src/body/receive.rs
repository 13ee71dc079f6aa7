//! A body on its way in: counted while it arrives, inflated, and read into what it stands for.

use std::sync::Arc;

use app::Error;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use domain::invalid::Invalid;
use http_body_util::BodyExt as _;

use super::encoding::Coding;
use super::{LARGE_BYTES, Share};
use crate::ApiState;
use crate::error::{ApiError, ApiResult};

/// What `parse` makes of a body. Where the body is large that happens off the threads that serve, a few at a time.
pub(crate) async fn read<T: Send + 'static>(
    request: Request,
    state: &ApiState,
    parse: impl FnOnce(&[u8]) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let share = share_of(&request, state);
    let bytes = receive(request, state).await?;
    if bytes.len() <= LARGE_BYTES { parse(&bytes) } else { aside(state, share, move || parse(&bytes)).await }
}

/// The bytes of a body, inflated. The whole body counts.
pub(crate) async fn receive(request: Request, state: &ApiState) -> ApiResult<Bytes> {
    if let Some(bytes) = request.extensions().get::<Bytes>() {
        return Ok(bytes.clone());
    }
    let share = share_of(&request, state);
    let coding = Coding::of(request.headers()).map_err(ApiError)?;
    let sent = collect(request, state.bodies.bytes_max, &share).await?;
    let Some(coding) = coding else { return Ok(sent) };
    let bytes_max = state.bodies.bytes_max;
    let held = Arc::clone(&share);
    // However few bytes came: a thousand times as many may come out.
    aside(state, share, move || coding.inflate(&sent, bytes_max, &held).map(Bytes::from).map_err(ApiError)).await
}

/// Of the request as a whole, so that it is kept for as long as anything that is made of the body.
fn share_of(request: &Request, state: &ApiState) -> Arc<Share> {
    request.extensions().get::<Arc<Share>>().cloned().unwrap_or_else(|| state.bodies.share())
}

async fn collect(request: Request, bytes_max: usize, share: &Share) -> ApiResult<Bytes> {
    let mut body = request.into_body();
    let announced = axum::body::HttpBody::size_hint(&body).exact().map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(ApiError(too_long(bytes_max)));
    }
    share.require_room(announced)?;
    // Announced is not sent: pages of the buffer that nothing was written to take no memory.
    let mut bytes = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError(Error::field("body", "the body ended early")))?;
        let Ok(part) = frame.into_data() else { continue };
        if part.len() > bytes_max - bytes.len() {
            return Err(ApiError(too_long(bytes_max)));
        }
        share.take(part.len())?;
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
}

pub(super) fn too_long(bytes_max: usize) -> Error {
    Invalid::field("body", format!("the body is longer than {bytes_max} bytes: split it")).with("limit", bytes_max).into()
}

/// Runs what takes time off the threads that serve. The memory is held until it has ended, also when the client left.
async fn aside<T: Send + 'static>(
    state: &ApiState,
    share: Arc<Share>,
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let closed = |_| ApiError(Error::Internal("bodies are read no more".into()));
    let turn = Arc::clone(&state.bodies.large).acquire_owned().await.map_err(closed)?;
    let work = move || {
        let done = work();
        drop((turn, share));
        done
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => Err(ApiError(Error::Internal(format!("reading a body failed: {failed}")))),
    }
}
