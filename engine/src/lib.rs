//! The forwarding engine of moim's SFU.
//!
//! Three layers, each knowing only the next: `net` has the sockets, the threads and the clock;
//! `room` knows who forwards what to whom; `peer` is one connection. Everything but `net` is free
//! of IO: datagrams, commands and the time go in, datagrams and events come out, so whole calls
//! run in virtual time in the tests.

pub mod codec;
pub mod command;
pub mod data_packet;
pub mod endpoint;
pub mod event;
pub mod ids;
pub mod net;
pub mod peer;
pub mod room;

#[cfg(feature = "python")]
mod python;
