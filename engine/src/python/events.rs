//! Events as frozen Python objects.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::event::{Event, PeerState as State};

/// Defines the class of an event: frozen, its fields readable, and matched by position.
macro_rules! event {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[pyclass(frozen, get_all, module = "moim_engine")]
        #[derive(Debug)]
        pub struct $name {
            $($field: $type,)*
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Py<PyTuple>> {
                Ok(PyTuple::new(py, [$(stringify!($field)),*])?.unbind())
            }

            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let mut text = format!("{}(", stringify!($name));
                $(
                    let value = slf.getattr(stringify!($field))?.repr()?.to_string();
                    text.push_str(&format!("{}={}, ", stringify!($field), value));
                )*
                Ok(format!("{})", text.trim_end_matches(", ")))
            }
        }
    };
}

event!(Answered { peer: u64, request: u64, sdp: String });
event!(Offered { peer: u64, request: u64, sdp: String, tracks: Vec<(String, u64)> });
event!(AnswerAccepted { peer: u64, request: u64, rejected: Vec<u64> });
event!(Refused { peer: u64, request: u64, reason: &'static str, detail: String });
event!(NegotiationNeeded { peer: u64 });
event!(PeerState { peer: u64, state: &'static str, reason: &'static str });
event!(ChannelOpened { peer: u64, label: String });
event!(MediaStarted { track: u64, mime: &'static str });
event!(LayersChanged { track: u64, layers: Vec<u32> });
event!(Forwarding { peer: u64, track: u64, layer: Option<u8>, congested: bool });
event!(Speakers { room: u64, speakers: Vec<(u64, u64, f32)> });
event!(DataReceived { participant: u64, reliable: bool, packet: Py<PyBytes> });
event!(DataOverflow { participant: u64 });
event!(PeerQuality {
    peer: u64,
    loss_up: Option<f32>,
    loss_down: Option<f32>,
    rtt_ms: Option<f32>,
});
event!(StatsReady { request: u64, counters: std::collections::HashMap<&'static str, u64> });
event!(RoomFailed { room: u64, reason: String });

/// The Python object of an event.
pub fn to_python(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    fn object<'py, T>(py: Python<'py>, event: T) -> PyResult<Py<PyAny>>
    where
        T: IntoPyObject<'py>,
        PyErr: From<T::Error>,
        T::Output: Into<Bound<'py, T::Target>>,
        T::Target: Sized,
    {
        let bound: Bound<'py, T::Target> = event.into_pyobject(py)?.into();
        Ok(bound.into_any().unbind())
    }
    match event {
        Event::Answered { peer, request, sdp } => {
            object(py, Answered { peer: peer.0, request, sdp })
        }
        Event::Offered { peer, request, sdp, tracks } => {
            let tracks = tracks.into_iter().map(|(mid, track)| (mid, track.0)).collect();
            object(py, Offered { peer: peer.0, request, sdp, tracks })
        }
        Event::AnswerAccepted { peer, request, rejected } => {
            let rejected = rejected.into_iter().map(|track| track.0).collect();
            object(py, AnswerAccepted { peer: peer.0, request, rejected })
        }
        Event::Refused { peer, request, reason, detail } => {
            object(py, Refused { peer: peer.0, request, reason: reason.as_str(), detail })
        }
        Event::NegotiationNeeded { peer } => object(py, NegotiationNeeded { peer: peer.0 }),
        Event::PeerState { peer, state } => {
            let (state, reason) = match state {
                State::Connected => ("connected", ""),
                State::Disconnected => ("disconnected", ""),
                State::Failed(failure) => ("failed", failure.as_str()),
            };
            object(py, PeerState { peer: peer.0, state, reason })
        }
        Event::ChannelOpened { peer, label } => object(py, ChannelOpened { peer: peer.0, label }),
        Event::MediaStarted { track, mime } => object(py, MediaStarted { track: track.0, mime }),
        Event::LayersChanged { track, layers } => {
            let layers = layers.into_iter().map(u32::from).collect();
            object(py, LayersChanged { track: track.0, layers })
        }
        Event::Forwarding { peer, track, layer, congested } => {
            object(py, Forwarding { peer: peer.0, track: track.0, layer, congested })
        }
        Event::Speakers { room, speakers } => {
            let speakers =
                speakers.into_iter().map(|(who, track, l)| (who.0, track.0, l)).collect();
            object(py, Speakers { room: room.0, speakers })
        }
        Event::DataReceived { participant, reliable, packet } => {
            let packet = PyBytes::new(py, &packet).unbind();
            object(py, DataReceived { participant: participant.0, reliable, packet })
        }
        Event::DataOverflow { participant } => {
            object(py, DataOverflow { participant: participant.0 })
        }
        Event::PeerQuality { peer, loss_up, loss_down, rtt_ms } => {
            object(py, PeerQuality { peer: peer.0, loss_up, loss_down, rtt_ms })
        }
        Event::StatsReady { request, counters } => {
            object(py, StatsReady { request, counters: counters.into_iter().collect() })
        }
        Event::RoomFailed { room, reason } => object(py, RoomFailed { room: room.0, reason }),
    }
}

macro_rules! classes {
    ($module:ident: $($name:ident),* $(,)?) => {{
        $($module.add_class::<$name>()?;)*
        vec![$($module.py().get_type::<$name>()),*]
    }};
}

/// Adds the classes, and their union as `Event`.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes = classes!(
        m: Answered, Offered, AnswerAccepted, Refused, NegotiationNeeded, PeerState, ChannelOpened,
        MediaStarted, LayersChanged, Forwarding, Speakers, DataReceived, DataOverflow, PeerQuality,
        StatsReady, RoomFailed,
    );
    let union = m.py().import("typing")?.getattr("Union")?;
    m.add("Event", union.get_item(PyTuple::new(m.py(), classes)?)?)
}
