//! The few messages of LiveKit's signalling that a load needs; all other fields are skipped.
//! Source: livekit protocol/protobufs/livekit_rtc.proto, livekit_models.proto.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Description {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub sdp: String,
    #[prost(uint32, tag = "3")]
    pub id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Trickle {
    #[prost(string, tag = "1")]
    pub candidate_init: String,
    #[prost(int32, tag = "2")]
    pub target: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Layer {
    #[prost(int32, tag = "1")]
    pub quality: i32,
    #[prost(uint32, tag = "2")]
    pub width: u32,
    #[prost(uint32, tag = "3")]
    pub height: u32,
    #[prost(uint32, tag = "4")]
    pub bitrate: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct AddTrack {
    #[prost(string, tag = "1")]
    pub cid: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(int32, tag = "3")]
    pub kind: i32,
    #[prost(uint32, tag = "4")]
    pub width: u32,
    #[prost(uint32, tag = "5")]
    pub height: u32,
    #[prost(int32, tag = "8")]
    pub source: i32,
    #[prost(message, repeated, tag = "9")]
    pub layers: Vec<Layer>,
}

pub const AUDIO: i32 = 0;
pub const VIDEO: i32 = 1;
pub const CAMERA: i32 = 1;
pub const MICROPHONE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub struct TrackSetting {
    #[prost(string, repeated, tag = "1")]
    pub sids: Vec<String>,
    #[prost(int32, tag = "4")]
    pub quality: i32,
    #[prost(uint32, tag = "5")]
    pub width: u32,
    #[prost(uint32, tag = "6")]
    pub height: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Leave {
    #[prost(int32, tag = "2")]
    pub reason: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Request {
    #[prost(message, optional, tag = "1")]
    pub offer: Option<Description>,
    #[prost(message, optional, tag = "2")]
    pub answer: Option<Description>,
    #[prost(message, optional, tag = "4")]
    pub add_track: Option<AddTrack>,
    #[prost(message, optional, tag = "7")]
    pub track_setting: Option<TrackSetting>,
    #[prost(message, optional, tag = "8")]
    pub leave: Option<Leave>,
    #[prost(int64, optional, tag = "14")]
    pub ping: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Track {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(int32, tag = "2")]
    pub kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Participant {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(message, repeated, tag = "4")]
    pub tracks: Vec<Track>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Join {
    #[prost(message, optional, tag = "2")]
    pub participant: Option<Participant>,
    #[prost(message, repeated, tag = "3")]
    pub others: Vec<Participant>,
    #[prost(string, tag = "4")]
    pub version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Update {
    #[prost(message, repeated, tag = "1")]
    pub participants: Vec<Participant>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Published {
    #[prost(string, tag = "1")]
    pub cid: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Response {
    #[prost(message, optional, tag = "1")]
    pub join: Option<Join>,
    #[prost(message, optional, tag = "2")]
    pub answer: Option<Description>,
    #[prost(message, optional, tag = "3")]
    pub offer: Option<Description>,
    #[prost(message, optional, tag = "4")]
    pub trickle: Option<Trickle>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "6")]
    pub published: Option<Published>,
    #[prost(message, optional, tag = "8")]
    pub leave: Option<Leave>,
}
