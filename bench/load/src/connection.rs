//! One peer connection of a client: str0m over a socket of its own, as each real client has.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc};

/// A bundle of datagrams that the kernel joined on receipt.
const SLOT_BYTES: usize = 65_536;
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// Memory to receive into, shared by all connections.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<u8>,
    metas: Vec<RecvMeta>,
}

impl Buffers {
    /// For one thread.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; SLOT_BYTES * BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        }
    }
}

/// What came of a connection.
#[derive(Debug)]
pub enum Outcome {
    /// Media.
    Packet(Box<RtpPacket>),
    /// The other side cannot decode.
    KeyFrame(str0m::media::KeyframeRequest),
    /// ICE and DTLS are done.
    Connected,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// The peer connection.
    pub rtc: Rtc,
    /// The socket.
    pub socket: UdpSocket,
    /// Where it is bound.
    pub local: SocketAddr,
    /// When it must be driven next.
    pub deadline: Instant,
    /// Ended by an error.
    pub failed: bool,
    state: UdpSocketState,
    pending: Option<SdpPendingOffer>,
}

impl Connection {
    /// A connection from this address.
    pub fn new(ip: IpAddr, now: Instant) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort: what is lost here is told apart.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), RECEIVE_BUFFER_BYTES);
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .build(now);
        let host = Candidate::host(local, Protocol::Udp).map_err(io::Error::other)?;
        rtc.add_local_candidate(host);
        let deadline = now + Duration::from_secs(3_600);
        Ok(Self { rtc, socket, local, deadline, failed: false, state, pending: None })
    }

    /// Offers what `change` adds.
    pub fn offer(&mut self, change: impl FnOnce(&mut str0m::change::SdpApi<'_>)) -> Option<String> {
        let mut api = self.rtc.sdp_api();
        change(&mut api);
        let (offer, pending) = api.apply()?;
        self.pending = Some(pending);
        self.deadline = Instant::now();
        Some(offer.to_sdp_string())
    }

    /// The other side's answer.
    pub fn accept_answer(&mut self, sdp: &str) -> Result<(), String> {
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        let pending = self.pending.take().ok_or("no offer")?;
        self.deadline = Instant::now();
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| error.to_string())
    }

    /// The other side's offer; gives the answer.
    pub fn accept_offer(&mut self, sdp: &str) -> Result<String, String> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        self.deadline = Instant::now();
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|error| error.to_string())?;
        Ok(answer.to_sdp_string())
    }

    /// The other side's candidate.
    pub fn add_candidate(&mut self, candidate: &str) {
        if let Ok(candidate) = Candidate::from_sdp_string(candidate) {
            self.rtc.add_remote_candidate(candidate);
            self.deadline = Instant::now();
        }
    }

    /// Reads all that came.
    pub fn receive(&mut self, buffers: &mut Buffers, on: &mut dyn FnMut(Instant, Outcome)) {
        loop {
            let mut slots: Vec<IoSliceMut<'_>> =
                buffers.bytes.chunks_mut(SLOT_BYTES).map(IoSliceMut::new).collect();
            let metas = &mut buffers.metas;
            let Ok(count) = self.state.recv(UdpSockRef::from(&self.socket), &mut slots, metas)
            else {
                return;
            };
            let now = Instant::now();
            for (slot, meta) in slots.iter().zip(metas.iter()).take(count) {
                let bundle = slot.get(..meta.len).unwrap_or_default();
                for datagram in bundle.chunks(meta.stride.max(1)) {
                    let receive = Receive::new(Protocol::Udp, meta.addr, self.local, datagram);
                    let Ok(receive) = receive else {
                        continue;
                    };
                    if self.rtc.handle_input(Input::Receive(now, receive)).is_err() {
                        self.failed = true;
                        return;
                    }
                    self.poll(now, on);
                }
            }
        }
    }

    /// Lets time pass.
    pub fn drive(&mut self, now: Instant, on: &mut dyn FnMut(Instant, Outcome)) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.failed = true;
        }
        self.poll(now, on);
    }

    fn poll(&mut self, now: Instant, on: &mut dyn FnMut(Instant, Outcome)) {
        while !self.failed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let transmit = Transmit {
                        destination: transmit.destination,
                        ecn: None,
                        contents: &transmit.contents,
                        segment_size: None,
                        src_ip: None,
                    };
                    // What the kernel does not take is lost, as on any network.
                    let _ = self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
                }
                Ok(Output::Event(Event::RtpPacket(packet))) => {
                    on(now, Outcome::Packet(Box::new(packet)));
                }
                Ok(Output::Event(Event::KeyframeRequest(wanted))) => {
                    on(now, Outcome::KeyFrame(wanted));
                }
                Ok(Output::Event(Event::Connected)) => on(now, Outcome::Connected),
                Ok(Output::Event(_)) => {}
                Err(_) => self.failed = true,
            }
        }
        self.deadline = now + Duration::from_secs(3_600);
    }
}
