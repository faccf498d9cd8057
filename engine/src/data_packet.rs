//! LiveKit's `DataPacket`: reading whom it is for, and stamping whom it is from.
//!
//! Only the protobuf wire format is walked. Fields that the engine does not know are copied as
//! they are, so a newer client's packets survive.
//! Source: livekit_models.proto (`DataPacket`, `UserPacket`), protobuf's encoding guide.

use thiserror::Error;

const KIND: u64 = 1;
const USER: u64 = 2;
const PARTICIPANT_IDENTITY: u64 = 4;
const DESTINATION_IDENTITIES: u64 = 5;
const SEQUENCE: u64 = 16;
const PARTICIPANT_SID: u64 = 17;

const USER_PARTICIPANT_SID: u64 = 1;
const USER_PAYLOAD: u64 = 2;
const USER_DESTINATION_SIDS: u64 = 3;
const USER_PARTICIPANT_IDENTITY: u64 = 5;
const USER_DESTINATION_IDENTITIES: u64 = 6;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// Destinations beyond this are a bug or an attack: no room is as large.
const MAX_DESTINATIONS: usize = 10_000;

/// The bytes are no `DataPacket`.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DataPacketError {
    /// A field ends after the message.
    #[error("cut short")]
    CutShort,
    /// A wire type that protobuf does not have, or groups.
    #[error("unknown wire type {0}")]
    WireType(u8),
    /// Field number zero, or a varint of more than 64 bits.
    #[error("malformed tag or number")]
    Malformed,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Text,
    /// More destinations than a room can have.
    #[error("too many destinations")]
    TooManyDestinations,
}

/// A packet that was read, and stamped with its sender.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The packet to forward.
    pub bytes: Vec<u8>,
    /// The sender's number of this reliable packet; 0 when it has none.
    pub sequence: u32,
    /// Identities it is for; all when both lists are empty.
    pub identities: Vec<String>,
    /// Sids it is for.
    pub sids: Vec<String>,
}

/// Who is written into a packet; both are empty for a hidden participant.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The participant's identity.
    pub identity: &'a str,
    /// The participant's sid.
    pub sid: &'a str,
}

/// Reads a client's packet and writes who it is from, whatever the client claimed.
pub fn stamp(
    packet: &[u8],
    sender: Sender<'_>,
    reliable: bool,
) -> Result<Stamped, DataPacketError> {
    let mut stamped = Stamped {
        bytes: Vec::with_capacity(packet.len() + 96),
        sequence: 0,
        identities: Vec::new(),
        sids: Vec::new(),
    };
    for field in Fields(packet) {
        let field = field?;
        match (field.number, field.value) {
            (KIND | PARTICIPANT_IDENTITY | PARTICIPANT_SID, _) => continue,
            (SEQUENCE, Value::Varint(sequence)) => stamped.sequence = sequence as u32,
            (DESTINATION_IDENTITIES, Value::Bytes(text)) => push(&mut stamped.identities, text)?,
            (USER, Value::Bytes(user)) => {
                let user = stamp_user(user, sender, &mut stamped)?;
                put_bytes(&mut stamped.bytes, USER, &user);
                continue;
            }
            _ => {}
        }
        stamped.bytes.extend_from_slice(field.raw);
    }
    if !reliable {
        // RELIABLE is 0, which protobuf leaves out.
        put_varint_field(&mut stamped.bytes, KIND, 1);
    }
    put_text(&mut stamped.bytes, PARTICIPANT_IDENTITY, sender.identity);
    put_text(&mut stamped.bytes, PARTICIPANT_SID, sender.sid);
    Ok(stamped)
}

fn stamp_user(
    user: &[u8],
    sender: Sender<'_>,
    stamped: &mut Stamped,
) -> Result<Vec<u8>, DataPacketError> {
    let mut bytes = Vec::with_capacity(user.len() + 64);
    for field in Fields(user) {
        let field = field?;
        match (field.number, field.value) {
            (USER_PARTICIPANT_SID | USER_PARTICIPANT_IDENTITY, _) => continue,
            (USER_DESTINATION_SIDS, Value::Bytes(text)) => push(&mut stamped.sids, text)?,
            (USER_DESTINATION_IDENTITIES, Value::Bytes(text)) => {
                push(&mut stamped.identities, text)?;
            }
            _ => {}
        }
        bytes.extend_from_slice(field.raw);
    }
    put_text(&mut bytes, USER_PARTICIPANT_SID, sender.sid);
    put_text(&mut bytes, USER_PARTICIPANT_IDENTITY, sender.identity);
    Ok(bytes)
}

/// A message of an unknown channel, as a packet for all.
pub fn wrap_user(payload: &[u8], sender: Sender<'_>) -> Vec<u8> {
    let mut user = Vec::with_capacity(payload.len() + 64);
    put_bytes(&mut user, USER_PAYLOAD, payload);
    put_text(&mut user, USER_PARTICIPANT_SID, sender.sid);
    put_text(&mut user, USER_PARTICIPANT_IDENTITY, sender.identity);
    let mut packet = Vec::with_capacity(user.len() + 64);
    put_bytes(&mut packet, USER, &user);
    put_text(&mut packet, PARTICIPANT_IDENTITY, sender.identity);
    put_text(&mut packet, PARTICIPANT_SID, sender.sid);
    packet
}

fn push(list: &mut Vec<String>, text: &[u8]) -> Result<(), DataPacketError> {
    if list.len() >= MAX_DESTINATIONS {
        return Err(DataPacketError::TooManyDestinations);
    }
    let text = std::str::from_utf8(text).map_err(|_| DataPacketError::Text)?;
    list.push(text.to_owned());
    Ok(())
}

struct Field<'a> {
    number: u64,
    value: Value<'a>,
    /// Tag and value as they stand in the message.
    raw: &'a [u8],
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a message in their order; ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, DataPacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = field(self.0);
        self.0 = match &field {
            Ok(field) => self.0.get(field.raw.len()..).unwrap_or_default(),
            Err(_) => &[],
        };
        Some(field)
    }
}

fn field(message: &[u8]) -> Result<Field<'_>, DataPacketError> {
    let (tag, mut used) = varint(message)?;
    let number = tag >> 3;
    if number == 0 {
        return Err(DataPacketError::Malformed);
    }
    let rest = message.get(used..).unwrap_or_default();
    let value = match (tag & 7) as u8 {
        VARINT => {
            let (value, length) = varint(rest)?;
            used += length;
            Value::Varint(value)
        }
        FIXED64 => {
            used += 8;
            Value::Fixed
        }
        FIXED32 => {
            used += 4;
            Value::Fixed
        }
        BYTES => {
            let (length, prefix) = varint(rest)?;
            let length = usize::try_from(length).map_err(|_| DataPacketError::CutShort)?;
            let end = prefix.checked_add(length).ok_or(DataPacketError::CutShort)?;
            let bytes = rest.get(prefix..end).ok_or(DataPacketError::CutShort)?;
            used += end;
            Value::Bytes(bytes)
        }
        other => return Err(DataPacketError::WireType(other)),
    };
    let raw = message.get(..used).ok_or(DataPacketError::CutShort)?;
    Ok(Field { number, value, raw })
}

fn varint(bytes: &[u8]) -> Result<(u64, usize), DataPacketError> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return Err(DataPacketError::Malformed);
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    match bytes.len() {
        0..10 => Err(DataPacketError::CutShort),
        _ => Err(DataPacketError::Malformed),
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_varint_field(bytes: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(bytes, number << 3 | u64::from(VARINT));
    put_varint(bytes, value);
}

fn put_bytes(bytes: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(bytes, number << 3 | u64::from(BYTES));
    put_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

fn put_text(bytes: &mut Vec<u8>, number: u64, text: &str) {
    if !text.is_empty() {
        put_bytes(bytes, number, text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Sender<'_> = Sender { identity: "ann", sid: "PA_1" };

    fn texts(message: &[u8], number: u64) -> Vec<String> {
        Fields(message)
            .filter_map(|field| match field.unwrap() {
                Field { number: n, value: Value::Bytes(text), .. } if n == number => {
                    Some(String::from_utf8(text.to_vec()).unwrap())
                }
                _ => None,
            })
            .collect()
    }

    fn user_of(message: &[u8]) -> Vec<u8> {
        let user = Fields(message).find_map(|field| match field.unwrap() {
            Field { number: USER, value: Value::Bytes(user), .. } => Some(user.to_vec()),
            _ => None,
        });
        user.unwrap()
    }

    #[test]
    fn a_claimed_sender_is_replaced_and_destinations_are_read() {
        let mut user = Vec::new();
        put_text(&mut user, USER_PARTICIPANT_IDENTITY, "mallory");
        put_bytes(&mut user, USER_PAYLOAD, b"hello");
        put_text(&mut user, USER_DESTINATION_SIDS, "PA_2");
        put_text(&mut user, USER_DESTINATION_IDENTITIES, "bob");
        let mut packet = Vec::new();
        put_text(&mut packet, PARTICIPANT_IDENTITY, "mallory");
        put_bytes(&mut packet, USER, &user);
        put_text(&mut packet, DESTINATION_IDENTITIES, "carol");
        put_varint_field(&mut packet, SEQUENCE, 7);
        put_bytes(&mut packet, 4_000, b"from the future");

        let stamped = stamp(&packet, ANN, false).unwrap();
        assert_eq!(stamped.sequence, 7);
        assert_eq!(stamped.identities, ["bob", "carol"]);
        assert_eq!(stamped.sids, ["PA_2"]);
        assert_eq!(texts(&stamped.bytes, PARTICIPANT_IDENTITY), ["ann"]);
        assert_eq!(texts(&stamped.bytes, PARTICIPANT_SID), ["PA_1"]);
        assert_eq!(texts(&stamped.bytes, 4_000), ["from the future"]);
        let user = user_of(&stamped.bytes);
        assert_eq!(texts(&user, USER_PARTICIPANT_IDENTITY), ["ann"]);
        assert_eq!(texts(&user, USER_PAYLOAD), ["hello"]);
    }

    #[test]
    fn a_hidden_sender_is_left_out() {
        let mut packet = Vec::new();
        put_text(&mut packet, PARTICIPANT_SID, "PA_9");
        let stamped = stamp(&packet, Sender { identity: "", sid: "" }, true).unwrap();
        assert_eq!(stamped.bytes, b"");
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(stamp(&[0x12, 0x05, 0x00], ANN, true), Err(DataPacketError::CutShort));
        assert_eq!(stamp(&[0x0b], ANN, true), Err(DataPacketError::WireType(3)));
        assert_eq!(stamp(&[0x00], ANN, true), Err(DataPacketError::Malformed));
        assert_eq!(stamp(&[0xff; 11], ANN, true), Err(DataPacketError::Malformed));
        assert_eq!(stamp(&[0x2a, 0x01, 0xff], ANN, true), Err(DataPacketError::Text));
    }
}
