//! Sockets, threads and the clock: the only layer that touches the world.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod builder;
mod bundle;
mod connection;
pub mod demux;
mod engine;
pub mod framing;
mod outbox;
mod pace;
mod port;
mod shard;
mod streams;

pub use bundle::together;
pub use engine::{Config, Engine, EngineError};
pub use outbox::Wake;
