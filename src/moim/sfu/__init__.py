"""The embedded SFU: a media server that unmodified LiveKit clients connect to.

Python speaks the signalling (this package), the Rust engine (`moim_engine`) carries the media. It
knows nothing of meetings: whoever has a token of its keys may use it, `moim sfu` runs it alone.

    HTTP, WebSocket   app · joining · socket · twirp        what comes in, and refusals
    rooms             hub · room · participant              who is where, without IO
    media             publishing · subscribing · links      which track goes to whom, and its SDP
    text              sdp · frames · tokens · config        parsed, checked, written

The rooms do no IO: what they need is passed in as ports (`ports`: the engine, timers, signals,
webhooks), so that tests run them in virtual time. `docs/livekit.md` lists what is served.
"""
