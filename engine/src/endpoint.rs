//! Where something is reached: an address, and by which protocol.

use std::net::SocketAddr;

use str0m::net::Protocol;

/// How bytes get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One datagram, one packet.
    Udp,
    /// A stream that frames them. Source: RFC 4571; RFC 6544 for ICE.
    Tcp,
}

/// One end of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// By what.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl Endpoint {
    /// Reached by UDP.
    pub fn udp(address: SocketAddr) -> Self {
        Self { transport: Transport::Udp, address }
    }

    /// Reached by TCP.
    pub fn tcp(address: SocketAddr) -> Self {
        Self { transport: Transport::Tcp, address }
    }

    /// What str0m calls it; None for what this engine does not speak.
    pub fn of(protocol: Protocol, address: SocketAddr) -> Option<Self> {
        match protocol {
            Protocol::Udp => Some(Self::udp(address)),
            Protocol::Tcp => Some(Self::tcp(address)),
            _ => None,
        }
    }

    /// str0m's word for the transport.
    pub fn protocol(self) -> Protocol {
        match self.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        }
    }
}
