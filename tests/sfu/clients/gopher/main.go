// A participant with LiveKit's Go SDK: whatever it sees and hears it publishes again, and whatever
// is written to it it writes back. So its sound and picture have content without an encoder here.
//
// It prints one JSON object a line: what happened, and to whom.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

var printing sync.Mutex

func say(what string, fields map[string]any) {
	line := map[string]any{"event": what}
	for name, value := range fields {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(text))
}

// echo publishes a track of somebody's again, packet by packet.
func echo(room *lksdk.Room, track *webrtc.TrackRemote, from *lksdk.RemoteParticipant) {
	say("subscribed", map[string]any{"from": from.Identity(), "mime": track.Codec().MimeType})
	source, name := livekit.TrackSource_MICROPHONE, "audio"
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		source, name = livekit.TrackSource_CAMERA, "video"
	}
	// Whoever comes to see the echo needs a key frame of the original.
	ask := func(packet rtcp.Packet) {
		switch packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			from.WritePLI(track.SSRC())
		}
	}
	again, err := lksdk.NewLocalTrack(
		track.Codec().RTPCodecCapability, lksdk.WithRTCPHandler(ask),
	)
	if err != nil {
		fail(err)
	}
	published, err := room.LocalParticipant.PublishTrack(again, &lksdk.TrackPublicationOptions{
		Name: name, Source: source, VideoWidth: 640, VideoHeight: 360,
	})
	if err != nil {
		fail(err)
	}
	say("published", map[string]any{"sid": published.SID(), "kind": name})
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			say("ended", map[string]any{"from": from.Identity(), "kind": name})
			return
		}
		if err := again.WriteRTP(packet, nil); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	say("failed", map[string]any{"why": err.Error()})
	os.Exit(1)
}

func main() {
	url := flag.String("url", "", "")
	token := flag.String("token", "", "")
	flag.Parse()
	logger.InitFromConfig(&logger.Config{Level: "error"}, "gopher")

	var room *lksdk.Room
	ready := make(chan struct{})
	callbacks := &lksdk.RoomCallback{
		OnDisconnected: func() { say("disconnected", nil) },
		OnReconnecting: func() { say("reconnecting", nil) },
		OnReconnected:  func() { say("reconnected", nil) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(
				track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant,
			) {
				<-ready
				echo(room, track, from)
			},
			OnDataPacket: func(data lksdk.DataPacket, from lksdk.DataReceiveParams) {
				packet, isUser := data.(*lksdk.UserDataPacket)
				if !isUser {
					return
				}
				<-ready
				say("data", map[string]any{"from": from.SenderIdentity, "text": string(packet.Payload)})
				answer := lksdk.UserData([]byte("echo: " + string(packet.Payload)))
				if err := room.LocalParticipant.PublishDataPacket(
					answer, lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishTopic(packet.Topic),
				); err != nil {
					fail(err)
				}
			},
		},
	}
	room, err := lksdk.ConnectToRoomWithToken(*url, *token, callbacks)
	if err != nil {
		fail(err)
	}
	close(ready)
	say("joined", map[string]any{"sid": room.LocalParticipant.SID()})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	room.Disconnect()
}
