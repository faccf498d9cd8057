//! The `Engine` class.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use str0m::media::MediaKind;

use super::events::to_python;
use crate::command::{Command, LastSequence, PeerMode, PeerOptions, Rights, ServerData};
use crate::endpoint::Transport;
use crate::ids::{IdMap, ParticipantId, PeerId, RoomId, TrackId};
use crate::net;

create_exception!(moim_engine, EngineError, PyException);
create_exception!(moim_engine, QueueFull, EngineError);
create_exception!(moim_engine, EngineClosed, EngineError);
create_exception!(moim_engine, BindError, EngineError);

impl From<net::EngineError> for PyErr {
    fn from(error: net::EngineError) -> Self {
        let text = error.to_string();
        match error {
            net::EngineError::QueueFull => QueueFull::new_err(text),
            net::EngineError::Closed => EngineClosed::new_err(text),
            net::EngineError::Bind { .. } => BindError::new_err(text),
            net::EngineError::Config(_) => PyValueError::new_err(text),
            net::EngineError::System(_) => EngineError::new_err(text),
        }
    }
}

/// Media threads, their sockets and the queues to and from them.
#[pyclass(module = "moim_engine")]
pub struct Engine {
    engine: Option<net::Engine>,
    wake: Py<PyAny>,
    sequences: Mutex<IdMap<ParticipantId, LastSequence>>,
}

impl Engine {
    fn engine(&self) -> PyResult<&net::Engine> {
        self.engine.as_ref().ok_or_else(|| EngineClosed::new_err("the engine is closed"))
    }

    fn reached(&self, by: Transport) -> PyResult<Vec<SocketAddr>> {
        let candidates = self.engine()?.candidates().iter();
        Ok(candidates.filter(|one| one.transport == by).map(|one| one.address).collect())
    }

    /// The lock is the callers' alone: media threads hold what is in the map, not the map.
    fn sequences<T>(&self, ask: impl FnOnce(&mut IdMap<ParticipantId, LastSequence>) -> T) -> T {
        ask(&mut self.sequences.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn command(&self, py: Python<'_>, room: RoomId, command: Command) -> PyResult<()> {
        let engine = self.engine()?;
        Ok(py.detach(|| engine.command(room, command))?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.engine = None;
        // Nothing to attach to while the interpreter ends: its sockets end with it.
        let _ = Python::try_attach(|py| self.wake.call_method0(py, "close"));
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        *, bind = vec![("0.0.0.0".to_owned(), 0)], advertise = vec![], tcp = vec![], threads = 1
    ))]
    fn new(
        py: Python<'_>,
        bind: Vec<(String, u16)>,
        advertise: Vec<String>,
        tcp: Vec<(String, u16)>,
        threads: usize,
    ) -> PyResult<Self> {
        let (bind, tcp) = (sockets(&bind)?, sockets(&tcp)?);
        let advertise = advertise.iter().map(|ip| address(ip)).collect::<PyResult<Vec<_>>>()?;
        let config = net::Config { bind, advertise, tcp, threads };
        // Python's own pair works on every system, and its event loops can wait for it.
        let pair = py.import("socket")?.call_method0("socketpair")?;
        let (wake, ring) = (pair.get_item(0)?, pair.get_item(1)?);
        for socket in [&wake, &ring] {
            socket.call_method1("setblocking", (false,))?;
        }
        // SAFETY: `detach` gives up the ownership of the open descriptor to us.
        let ring = unsafe { net::Wake::adopt(ring.call_method0("detach")?.extract()?) };
        let engine = py.detach(|| net::Engine::start(&config, ring));
        match engine {
            Ok(engine) => {
                Ok(Self { engine: Some(engine), wake: wake.unbind(), sequences: Mutex::default() })
            }
            Err(error) => {
                wake.call_method0("close")?;
                Err(error.into())
            }
        }
    }

    #[getter]
    fn bound(&self) -> PyResult<Vec<(String, u16)>> {
        Ok(pairs(self.engine()?.bound()))
    }

    #[getter]
    fn candidates(&self) -> PyResult<Vec<(String, u16)>> {
        Ok(pairs(&self.reached(Transport::Udp)?))
    }

    #[getter]
    fn tcp_candidates(&self) -> PyResult<Vec<(String, u16)>> {
        Ok(pairs(&self.reached(Transport::Tcp)?))
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.engine()?;
        self.wake.call_method0(py, "fileno")
    }

    #[getter]
    fn wake(&self, py: Python<'_>) -> Py<PyAny> {
        self.wake.clone_ref(py)
    }

    #[pyo3(signature = (limit = 1024))]
    fn drain(&self, py: Python<'_>, limit: usize) -> PyResult<Vec<Py<PyAny>>> {
        let engine = self.engine()?;
        // At most one byte is in the socket; who waits by `sock_recv` has taken it already.
        if let Err(error) = self.wake.call_method1(py, "recv", (64,))
            && !error.is_instance_of::<pyo3::exceptions::PyBlockingIOError>(py)
        {
            return Err(error);
        }
        let events = py.detach(|| engine.drain(limit));
        events.into_iter().map(|event| to_python(py, event)).collect()
    }

    fn close(&mut self, py: Python<'_>) -> PyResult<()> {
        if let Some(engine) = self.engine.take() {
            py.detach(|| drop(engine));
            self.wake.call_method0(py, "close")?;
        }
        Ok(())
    }

    fn open_room(&self, py: Python<'_>) -> PyResult<u64> {
        let engine = self.engine()?;
        Ok(py.detach(|| engine.open_room())?.0)
    }

    fn close_room(&self, py: Python<'_>, room: u64) -> PyResult<()> {
        let engine = self.engine()?;
        Ok(py.detach(|| engine.close_room(RoomId(room)))?)
    }

    #[pyo3(signature = (room, *, identity, sid, can_publish_data = true, can_subscribe = true, hidden = false))]
    #[allow(clippy::too_many_arguments)] // They have names in Python.
    fn open_participant(
        &self,
        py: Python<'_>,
        room: u64,
        identity: String,
        sid: String,
        can_publish_data: bool,
        can_subscribe: bool,
        hidden: bool,
    ) -> PyResult<u64> {
        let room = RoomId(room);
        let participant = ParticipantId::new(room, self.engine()?.next_member());
        let rights = Rights { can_publish_data, can_subscribe, hidden };
        let last_sequence = LastSequence::default();
        self.sequences(|known| known.insert(participant, last_sequence.clone()));
        let command =
            Command::OpenParticipant { participant, identity, sid, rights, last_sequence };
        if let Err(error) = self.command(py, room, command) {
            self.sequences(|known| known.remove(&participant));
            return Err(error);
        }
        Ok(participant.0)
    }

    #[pyo3(signature = (participant, *, can_publish_data, can_subscribe, hidden))]
    fn update_participant(
        &self,
        py: Python<'_>,
        participant: u64,
        can_publish_data: bool,
        can_subscribe: bool,
        hidden: bool,
    ) -> PyResult<()> {
        let participant = ParticipantId(participant);
        let rights = Rights { can_publish_data, can_subscribe, hidden };
        let command = Command::UpdateParticipant { participant, rights };
        self.command(py, participant.room(), command)
    }

    fn close_participant(&self, py: Python<'_>, participant: u64) -> PyResult<()> {
        let participant = ParticipantId(participant);
        self.sequences(|known| known.remove(&participant));
        self.command(py, participant.room(), Command::CloseParticipant { participant })
    }

    fn last_sequence(&self, participant: u64) -> u32 {
        let known = self.sequences(|known| known.get(&ParticipantId(participant)).cloned());
        known.map_or(0, |known| known.load(Ordering::Relaxed))
    }

    #[pyo3(signature = (participant, mode, *, ice_lite = true, codecs = default_codecs(), rtx = true))]
    fn open_peer(
        &self,
        py: Python<'_>,
        participant: u64,
        mode: &str,
        ice_lite: bool,
        codecs: Vec<String>,
        rtx: bool,
    ) -> PyResult<u64> {
        let mode = match mode {
            "publisher" => PeerMode::Publisher,
            "subscriber" => PeerMode::Subscriber,
            "single" => PeerMode::Single,
            other => return Err(PyValueError::new_err(format!("no such mode: {other}"))),
        };
        let participant = ParticipantId(participant);
        let room = participant.room();
        let peer = PeerId::new(room, self.engine()?.next_member());
        let options = PeerOptions { mode, ice_lite, codecs, rtx };
        self.command(py, room, Command::OpenPeer { participant, peer, options })?;
        Ok(peer.0)
    }

    fn close_peer(&self, py: Python<'_>, peer: u64) -> PyResult<()> {
        let peer = PeerId(peer);
        self.command(py, peer.room(), Command::ClosePeer { peer })
    }

    fn accept_offer(&self, py: Python<'_>, peer: u64, request: u64, sdp: String) -> PyResult<()> {
        let peer = PeerId(peer);
        self.command(py, peer.room(), Command::AcceptOffer { peer, request, sdp })
    }

    #[pyo3(signature = (peer, request, *, ice_restart = false))]
    fn create_offer(
        &self,
        py: Python<'_>,
        peer: u64,
        request: u64,
        ice_restart: bool,
    ) -> PyResult<()> {
        let peer = PeerId(peer);
        self.command(py, peer.room(), Command::CreateOffer { peer, request, ice_restart })
    }

    fn accept_answer(&self, py: Python<'_>, peer: u64, request: u64, sdp: String) -> PyResult<()> {
        let peer = PeerId(peer);
        self.command(py, peer.room(), Command::AcceptAnswer { peer, request, sdp })
    }

    fn add_ice_candidate(&self, py: Python<'_>, peer: u64, candidate: String) -> PyResult<()> {
        let peer = PeerId(peer);
        self.command(py, peer.room(), Command::AddIceCandidate { peer, candidate })
    }

    fn publish(&self, py: Python<'_>, peer: u64, mid: String, kind: &str) -> PyResult<u64> {
        let kind = match kind {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            other => return Err(PyValueError::new_err(format!("no such kind: {other}"))),
        };
        let peer = PeerId(peer);
        let track = TrackId::new(peer.room(), self.engine()?.next_member());
        self.command(py, peer.room(), Command::Publish { peer, mid, kind, track })?;
        Ok(track.0)
    }

    fn unpublish(&self, py: Python<'_>, track: u64) -> PyResult<()> {
        let track = TrackId(track);
        self.command(py, track.room(), Command::Unpublish { track })
    }

    #[pyo3(signature = (peer, track, *, mid = None))]
    fn subscribe(
        &self,
        py: Python<'_>,
        peer: u64,
        track: u64,
        mid: Option<String>,
    ) -> PyResult<()> {
        let (peer, track) = (PeerId(peer), TrackId(track));
        self.command(py, peer.room(), Command::Subscribe { peer, track, mid })
    }

    fn unsubscribe(&self, py: Python<'_>, peer: u64, track: u64) -> PyResult<()> {
        let (peer, track) = (PeerId(peer), TrackId(track));
        self.command(py, peer.room(), Command::Unsubscribe { peer, track })
    }

    #[pyo3(signature = (peer, track, *, layer, enabled = true))]
    fn set_layer(
        &self,
        py: Python<'_>,
        peer: u64,
        track: u64,
        layer: u8,
        enabled: bool,
    ) -> PyResult<()> {
        let (peer, track) = (PeerId(peer), TrackId(track));
        self.command(py, peer.room(), Command::SetLayer { peer, track, layer, enabled })
    }

    #[pyo3(signature = (track, *, layer = None))]
    fn request_key_frame(&self, py: Python<'_>, track: u64, layer: Option<u8>) -> PyResult<()> {
        let track = TrackId(track);
        self.command(py, track.room(), Command::RequestKeyFrame { track, layer })
    }

    #[pyo3(signature = (room, packet, *, reliable, to = None))]
    fn send_data(
        &self,
        py: Python<'_>,
        room: u64,
        packet: Vec<u8>,
        reliable: bool,
        to: Option<Vec<u64>>,
    ) -> PyResult<()> {
        let to = to.map(|to| to.into_iter().map(ParticipantId).collect());
        let data = ServerData { packet, reliable, to };
        self.command(py, RoomId(room), Command::SendData(data))
    }

    #[pyo3(signature = (room, identity, on = true))]
    fn intercept(&self, py: Python<'_>, room: u64, identity: String, on: bool) -> PyResult<()> {
        self.command(py, RoomId(room), Command::Intercept { identity, on })
    }

    fn stats(&self, py: Python<'_>, request: u64) -> PyResult<()> {
        let engine = self.engine()?;
        Ok(py.detach(|| engine.stats(request))?)
    }
}

fn default_codecs() -> Vec<String> {
    ["opus", "vp8", "h264", "vp9", "av1"].map(str::to_owned).into()
}

fn sockets(pairs: &[(String, u16)]) -> PyResult<Vec<SocketAddr>> {
    pairs.iter().map(|(ip, port)| Ok(SocketAddr::new(address(ip)?, *port))).collect()
}

fn address(ip: &str) -> PyResult<IpAddr> {
    ip.parse().map_err(|_| PyValueError::new_err(format!("not an IP address: {ip}")))
}

fn pairs(addresses: &[SocketAddr]) -> Vec<(String, u16)> {
    addresses.iter().map(|address| (address.ip().to_string(), address.port())).collect()
}

/// Adds the class and the exceptions.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Engine>()?;
    m.add("EngineError", m.py().get_type::<EngineError>())?;
    m.add("QueueFull", m.py().get_type::<QueueFull>())?;
    m.add("EngineClosed", m.py().get_type::<EngineClosed>())?;
    m.add("BindError", m.py().get_type::<BindError>())
}
