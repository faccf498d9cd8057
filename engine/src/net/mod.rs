//! Sockets, threads and the clock: the only layer that touches the world.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod builder;
mod bundle;
pub mod burst;
mod connection;
pub mod demux;
mod engine;
pub mod framing;
mod link;
mod outbox;
mod pace;
mod port;
#[cfg(target_os = "linux")]
mod sendmmsg;
mod shard;
mod streams;
mod tally;

pub use bundle::together;
pub use engine::{Config, Engine, EngineError};
pub use outbox::Wake;
