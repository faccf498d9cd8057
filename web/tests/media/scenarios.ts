/** Each scenario is one test: `tests/browser/test_mesh_harness.py` runs them by name. */
import { Capture } from "../../src/media/capture";
import { listDevices } from "../../src/media/devices";
import { borrowContext, playTestSound } from "../../src/media/level";
import { QualityMeter } from "../../src/media/quality";
import { LocalVoice, RemoteVoices } from "../../src/media/speaking";
import {
  ALL,
  Call,
  camera,
  expect,
  openConnections,
  pass,
  picture,
  runningCopies,
  tone,
  until,
  videoBounds,
  type Person,
} from "./harness";
import { PlainClient } from "./plain";

/** Two people in a room, each with the sources given. */
async function pair(call: Call): Promise<[Person, Person]> {
  const [mina, joon] = [call.enter("u_mina"), call.enter("u_joon")];
  await Promise.all([
    mina.session.publish("microphone", tone(440)),
    mina.session.publish("camera", await camera()),
    joon.session.publish("microphone", tone(600)),
    joon.session.publish("camera", picture("rgb(0,200,0)")),
  ]);
  call.tell();
  return [mina, joon];
}

async function settled(...people: Person[]): Promise<void> {
  await until("all are connected", () =>
    people.every(
      ({ session }) =>
        session.peers().length > 0 && session.peers().every(({ state }) => state === "connected"),
    ),
  );
}

async function stable(...people: Person[]): Promise<void> {
  await until("every negotiation has ended", async () => {
    const stats = (await Promise.all(people.map(({ session }) => session.stats()))).flat();
    return stats.every(({ signaling_state }) => signaling_state === "stable");
  });
}

const scenarios: Record<string, (call: Call) => Promise<unknown>> = {
  async two_people_see_and_hear_each_other(call) {
    const [mina, joon] = await pair(call);
    const began_ms = performance.now();
    await Promise.all([joon.framesGrow(mina, "camera", 1), mina.framesGrow(joon, "camera", 1)]);
    const first_frame_ms = performance.now() - began_ms;
    expect(first_frame_ms < 2_000, `the first frame within 2 s (${String(first_frame_ms)} ms)`);
    await Promise.all([
      joon.framesGrow(mina),
      mina.framesGrow(joon),
      joon.soundOf(mina),
      mina.soundOf(joon),
    ]);
    const [peer] = mina.session.peers();
    await until("the path is known", () => mina.session.peers()[0]?.path !== null);
    expect(mina.session.peers()[0]?.path?.direct === true, "a direct path");
    expect(peer?.state === "connected", "connected");
    expect((await mina.offers()) + (await joon.offers()) === 1, "one offer is enough");
    return { first_frame_ms };
  },

  async first_offers_that_cross_lose_nothing(call) {
    call.hub.badness = { loss: 1, doubling: 0, delay_ms: 0 };
    const [mina, joon] = await pair(call);
    await until(
      "both have offered",
      async () => (await mina.offers()) === 1 && (await joon.offers()) === 1,
    );
    call.hub.badness = { loss: 0.2, doubling: 0.2, delay_ms: 50 };
    await Promise.all([
      joon.framesGrow(mina),
      mina.framesGrow(joon),
      joon.soundOf(mina),
      mina.soundOf(joon),
    ]);
    await until("data goes both ways", () =>
      [mina, joon].every(({ session }) => session.data.reachable().length === 1),
    );
    const [polite] = await mina.session.stats();
    const [other] = await joon.session.stats();
    expect(other?.negotiation.offers_ignored === 1, "the impolite end ignored one");
    expect(polite?.negotiation.offers_sent === 1, "the polite end offered once");
    expect(polite?.negotiation.answers_sent === 1, "and answered");
    expect(mina.warnings.length + joon.warnings.length === 0, "nothing was made anew");
    return { negotiation: polite?.negotiation };
  },

  async offers_that_cross_on_a_bad_relay_converge(call) {
    call.hub.badness = { loss: 0.3, doubling: 0.3, delay_ms: 120 };
    const [mina, joon] = await pair(call);
    await settled(mina, joon);
    // Both at once, again and again: glare is certain.
    for (let turn = 0; turn < 3; turn += 1) {
      await Promise.all(
        [mina, joon].map(({ session }, index) =>
          session.publish("screen_share", picture(index === 0 ? "rgb(200,0,0)" : "rgb(0,0,200)")),
        ),
      );
      await pass(150);
      await Promise.all([mina, joon].map(({ session }) => session.unpublish("screen_share")));
    }
    await Promise.all([
      mina.session.publish("screen_share", picture("rgb(200,0,0)")),
      joon.session.publish("screen_share", picture("rgb(0,0,200)")),
    ]);
    await until("both shares are seen", () => {
      const [red, , blue] = joon.sees(mina, "screen_share");
      const [red2, , blue2] = mina.sees(joon, "screen_share");
      return red > 120 && blue < 80 && blue2 > 120 && red2 < 80;
    });
    await Promise.all([
      joon.framesGrow(mina),
      mina.framesGrow(joon),
      joon.framesGrow(mina, "screen_share"),
      mina.framesGrow(joon, "screen_share"),
      stable(mina, joon),
    ]);
    const [stats] = await mina.session.stats();
    const [others] = await joon.session.stats();
    expect((others?.negotiation.offers_ignored ?? 0) > 0, "offers did cross");
    const lines = Object.keys(stats?.sends ?? {}).length;
    expect(lines === 3, `three sources are sent, not ${String(lines)}`);
    return { warnings: [...mina.warnings, ...joon.warnings], negotiation: stats?.negotiation };
  },

  async a_muted_microphone_is_silent_and_comes_back(call) {
    const [mina, joon] = await pair(call);
    await joon.soundOf(mina);
    const voices = new RemoteVoices(joon.session);
    await until("the ring is lit", () => voices.speakers.includes("u_mina"));
    void mina.session.setMuted("microphone", true);
    const track = mina.session.local("microphone")?.track;
    expect(track?.enabled === false, "silent before setMuted returned");
    await joon.silenceOf(mina);
    expect(track?.readyState === "live", "the microphone is still captured");
    await until("the ring goes out", () => voices.speakers.length === 0);
    voices.stop();
    const offers = await mina.offers();
    await mina.session.setMuted("microphone", false);
    await joon.soundOf(mina);
    expect((await mina.offers()) === offers, "no negotiation");
  },

  async a_camera_that_is_off_sends_nothing_and_its_light_is_out(call) {
    const [mina, joon] = await pair(call);
    await joon.framesGrow(mina);
    await stable(mina, joon);
    const offers = (await mina.offers()) + (await joon.offers());
    const device = mina.session.local("camera")?.track;
    await mina.session.setMuted("camera", true);
    expect(device?.readyState === "ended", "the device is released");
    expect(mina.session.local("camera")?.track === null, "nothing is left to send");
    await pass(300);
    const before = await joon.frames(mina);
    await pass(500);
    expect((await joon.frames(mina)) - before <= 1, "no frames arrive");
    let refused = "";
    await mina.session.setMuted("camera", false).catch((error: unknown) => {
      refused = (error as { code: string }).code;
    });
    expect(refused === "track_needed", "a camera comes back only with a new track");
    await mina.session.publish("camera", await camera(), { muted: false });
    await joon.framesGrow(mina);
    expect((await mina.offers()) + (await joon.offers()) === offers, "no negotiation");
  },

  async another_device_in_the_middle_of_the_call_needs_no_negotiation(call) {
    const [mina, joon] = await pair(call);
    await joon.soundOf(mina);
    await until("440 Hz are heard", () => Math.abs(joon.pitch(mina) - 440) < 40);
    const offers = (await mina.offers()) + (await joon.offers());
    const former = mina.session.local("microphone")?.track;
    await mina.session.publish("microphone", tone(1_000));
    await mina.session.publish("camera", picture("rgb(200,0,0)"));
    await until("1000 Hz are heard", () => Math.abs(joon.pitch(mina) - 1_000) < 40);
    await until("the other picture is seen", () => joon.sees(mina)[0] > 120);
    expect(former?.readyState === "ended", "the former device is released");
    expect((await mina.offers()) + (await joon.offers()) === offers, "no negotiation");
  },

  async an_ice_restart_keeps_seat_and_tracks(call) {
    const [mina, joon] = await pair(call);
    await Promise.all([joon.framesGrow(mina), mina.framesGrow(joon)]);
    await stable(mina, joon);
    const offers = (await mina.offers()) + (await joon.offers());
    const track = joon.remote("u_mina", "camera")?.track;
    // As after a change of network, which both may notice at once.
    mina.session.restartIce();
    joon.session.restartIce();
    await until("a new offer", async () => (await mina.offers()) + (await joon.offers()) > offers);
    await stable(mina, joon);
    await Promise.all([
      joon.framesGrow(mina, "camera", 5),
      mina.framesGrow(joon),
      joon.soundOf(mina),
    ]);
    expect(joon.remote("u_mina", "camera")?.track === track, "the same track goes on");
    await settled(mina, joon);
  },

  async who_was_removed_is_neither_answered_nor_played(call) {
    const [mina, joon] = await pair(call);
    await Promise.all([mina.soundOf(joon), mina.framesGrow(joon)]);
    const left = mina.remote("u_joon", "microphone");
    const video = mina.remote("u_joon", "camera");
    const removed: string[] = [];
    mina.session.on("track", ({ change, track }) => {
      if (change === "removed") removed.push(track.source);
    });
    // Joon's page is hostile: it is told nothing, keeps sending and calls again.
    mina.session.setParticipants(call.list().filter(({ identity }) => identity !== "u_joon"));
    expect(removed.sort().join() === "camera,microphone", "both tracks are gone at once");
    expect(mina.session.peers().length === 0, "no connection");
    expect(left?.track.enabled === false && video?.track.enabled === false, "silent and black");
    await until("the receiver is ended", () => left?.track.readyState === "ended");
    const said = call.hub.log.length;
    await joon.session.publish("screen_share", picture("rgb(0,0,200)"));
    joon.session.restartIce();
    const again = call.enter("u_joon");
    again.session.setParticipants(call.list());
    await again.session.publish("microphone", tone(700));
    await pass(1_000);
    const answers = call.hub.log.slice(said).filter(({ from }) => from === "u_mina");
    expect(answers.length === 0, "nothing is answered");
    expect(mina.session.peers().length === 0, "nothing is connected");
    expect(mina.session.remoteTracks().length === 0, "nothing is played");
  },

  async what_the_room_does_not_allow_stays_silent_and_black(call) {
    const mina = call.enter("u_mina");
    const joon = call.enter("u_joon");
    await joon.session.publish("microphone", tone(440));
    await joon.session.publish("camera", picture("rgb(0,200,0)"));
    joon.session.setParticipants(call.list());
    mina.session.setParticipants(call.list().map((one) => ({ ...one, allowed: [] })));
    await mina.framesGrow(joon);
    expect(mina.remote("u_joon", "camera")?.allowed === false, "not allowed");
    await mina.silenceOf(joon);
    expect(mina.sees(joon)[1] < 40, "black");
    mina.session.allow("u_joon", "microphone", true);
    mina.session.allow("u_joon", "camera", true);
    await mina.soundOf(joon);
    await until("the picture is seen", () => mina.sees(joon)[1] > 120);
    // The host mutes; Joon's page does not care.
    mina.session.allow("u_joon", "microphone", false);
    expect(mina.remote("u_joon", "microphone")?.track.enabled === false, "at once");
    expect(mina.session.audioLevel("u_joon", "microphone") === null, "no ring either");
    await mina.silenceOf(joon);
  },

  async a_reload_takes_the_place_of_the_page_before_it(call) {
    for (const reloading of ["u_mina", "u_joon"]) {
      const [mina, joon] = await pair(call);
      await Promise.all([joon.framesGrow(mina), mina.framesGrow(joon)]);
      const [gone, stays] = reloading === "u_mina" ? [mina, joon] : [joon, mina];
      // A page that reloads says no good-bye on the connection.
      call.people.delete(gone);
      gone.signals.close();
      const again = call.enter(reloading);
      await again.session.publish("microphone", tone(800));
      await again.session.publish("camera", picture("rgb(200,0,0)"));
      call.tell([again]);
      await Promise.all([stays.framesGrow(again), again.framesGrow(stays), stays.soundOf(again)]);
      expect(stays.session.remoteTracks().length === 2, "two tracks, not four");
      gone.leave();
      call.close();
    }
  },

  async a_new_seat_of_the_same_page_keeps_the_media(call) {
    const [mina, joon] = await pair(call);
    await Promise.all([joon.framesGrow(mina), joon.soundOf(mina)]);
    const { track } = joon.remote("u_mina", "camera") ?? {};
    const changes: string[] = [];
    joon.session.on("track", ({ change }) => changes.push(change));
    await mina.session.setMuted("microphone", true);
    await mina.session.setMuted("camera", true);
    // The server was away: sockets are new, sids are new, and the list is told again.
    const list = call.list().map((one) => ({ ...one, sid: `${one.sid}_again` }));
    mina.session.setParticipants(list);
    joon.session.setParticipants(list);
    mina.signals.flush();
    mina.session.restartIce();
    await mina.session.publish("microphone", tone(440));
    await mina.session.publish("camera", await camera());
    await stable(mina, joon);
    // Nothing of it raises the media state.
    expect(mina.session.local("microphone")?.muted === true, "the microphone is still muted");
    expect(mina.session.local("microphone")?.track?.enabled === false, "and silent");
    expect(mina.session.local("camera")?.muted === true, "the camera is still off");
    expect(mina.session.local("camera")?.track === null, "and its device released");
    await joon.silenceOf(mina);
    expect(joon.remote("u_mina", "camera")?.track === track, "the same track");
    expect(changes.length === 0, "nobody's tile was touched");
  },

  async a_connection_that_broke_for_good_is_made_anew(call) {
    const [mina, joon] = await pair(call);
    await joon.session.publish("screen_share", picture("rgb(0,0,200)"), { mode: "motion" });
    await Promise.all([
      joon.framesGrow(mina),
      mina.framesGrow(joon),
      mina.framesGrow(joon, "screen_share"),
    ]);
    const gone: string[] = [];
    for (const { session } of [mina, joon]) {
      session.on("track", ({ change, track }) => {
        if (change === "removed") gone.push(track.source);
      });
      session.on("peer", ({ state }) => {
        if (state === "connecting") gone.push(state);
      });
    }
    // Not even an ICE restart can repair a description that cannot be set.
    const [stats] = await mina.session.stats();
    expect(stats !== undefined, "connected");
    const last = call.hub.log.findLast(
      ({ from, event }) => from === "u_joon" && event === "signal",
    );
    const { data } = last?.payload as { data: { link: { from: string; to: string } } };
    for (let place = 2; place < 60; place += 1) {
      call.hub.pass("u_joon", "u_mina", "signal", {
        epoch: 1,
        n: 5_000_000 + place,
        kind: "description",
        data: { type: "offer", sdp: "nonsense", sources: {}, link: { ...data.link, place } },
      });
    }
    await until("it was rebuilt", () => mina.warnings.some((each) => each.startsWith("rebuilt")));
    await joon.session.unpublish("screen_share");
    await Promise.all([joon.framesGrow(mina), mina.framesGrow(joon), mina.soundOf(joon)]);
    await until("what does not come anew is over", () => gone.length > 0);
    expect(gone.join() === "screen_share", `and all else stayed in its place: ${gone.join()}`);
  },

  async three_people_with_several_shares_and_messages(call) {
    const [mina, joon] = await pair(call);
    const sora = call.enter("u_sora");
    await settled(mina, joon);
    call.tell();
    await mina.session.publish("screen_share", picture("rgb(200,0,0)"), { mode: "text" });
    await mina.session.publish("screen_share_audio", tone(900));
    await joon.session.publish("screen_share", picture("rgb(0,0,200)"), { mode: "motion" });
    await Promise.all([
      sora.framesGrow(mina),
      sora.framesGrow(joon),
      sora.framesGrow(mina, "screen_share"),
      sora.framesGrow(joon, "screen_share"),
      sora.soundOf(mina),
      sora.soundOf(mina, "screen_share_audio"),
      joon.framesGrow(mina, "screen_share"),
    ]);
    expect(sora.sees(mina, "screen_share")[2] < 80, "each share is whose it is");
    const heard: string[] = [];
    for (const person of [mina, joon, sora]) {
      person.session.data.on("chat", (from, payload) => {
        heard.push(`${person.identity} < ${from}: ${JSON.stringify(payload)}`);
      });
    }
    await until("all channels are open", () =>
      [mina, joon, sora].every(({ session }) => session.data.reachable().length === 2),
    );
    const { sent } = sora.session.data.send("chat", { text: "hi", from: "u_mina" });
    expect([...sent].sort().join() === "u_joon,u_mina", "sent to both");
    mina.session.data.send("chat", { text: "only you" }, ["u_sora"]);
    await until("three messages", () => heard.length === 3);
    expect(heard.includes('u_joon < u_sora: {"text":"hi","from":"u_mina"}'), "from who sent it");
    expect(heard.includes('u_sora < u_mina: {"text":"only you"}'), "to one");
    let code = "";
    try {
      sora.session.data.send("chat", "x".repeat(20_000));
    } catch (error) {
      code = (error as { code: string }).code;
    }
    expect(code === "message_too_long", "messages are bounded");
    const refused = sora.session.data.send("chat", "?", ["u_nobody"]).refused;
    expect(refused["u_nobody"] === "closed", "nobody there");
    for (let n = 0; n < 40; n += 1) mina.session.data.send("chat", "x".repeat(15_000), ["u_joon"]);
    await until("all of a burst arrives", () => heard.length === 43);
  },

  async the_picture_of_the_call_is_what_happens(call) {
    const [mina, joon] = await pair(call);
    await mina.session.publish("screen_share", picture("rgb(200,0,0)"), { mode: "text" });
    await joon.framesGrow(mina, "screen_share");
    const meter = new QualityMeter(joon.session);
    const person = () => meter.picture?.people[0];
    await until(
      "it shows what flows",
      () => (person()?.in_bps ?? 0) > 10_000 && (person()?.out_bps ?? 0) > 10_000,
    );
    const seen = person();
    expect(seen?.quality === "good", `good, not ${String(seen?.quality)}`);
    expect(seen?.pair?.local.type === "host" && seen.path?.protocol === "udp", "the chosen pair");
    const flows = (seen?.flows ?? []).map(({ direction, source }) => `${direction} ${source}`);
    expect(
      flows.sort().join() === "in camera,in microphone,in screen_share,out camera,out microphone",
      `the flows: ${flows.join()}`,
    );
    const share = seen?.flows.find(({ source }) => source === "screen_share");
    expect((share?.frames ?? 0) > 0 && share?.width === 320, "frames and size");
    expect(share?.codec === "VP9", `a screen in VP9, not ${String(share?.codec)}`);
    const received = seen?.negotiation.candidates_received["host"] ?? 0;
    expect(received > 0, "candidates by type");
    meter.stop();
  },

  async a_muted_microphone_costs_next_to_nothing(call) {
    const [mina, joon] = await pair(call);
    await joon.soundOf(mina);
    await mina.session.setMuted("microphone", true);
    await pass(400);
    const packets = async (): Promise<number> => {
      const [stats] = await mina.session.stats();
      let sent = 0;
      for (const stat of stats?.report?.values() ?? []) {
        const { type, kind, packetsSent } = stat as Record<string, unknown>;
        if (type === "outbound-rtp" && kind === "audio") sent = Number(packetsSent);
      }
      return sent;
    };
    const before = await packets();
    await pass(1_000);
    const each_s = (await packets()) - before;
    expect(each_s <= 10, `ten packets a second at most, not ${String(each_s)} (50 without DTX)`);
    return { each_s };
  },

  async bitrates_fall_as_the_room_grows(call) {
    const [mina, joon] = await pair(call);
    await settled(mina, joon);
    await until("two cameras have their bound", () => videoBounds().every((b) => b === 1_500_000));
    for (const identity of ["u_sora", "u_bada", "u_haru"]) call.enter(identity);
    call.tell();
    await until("four shares of the uplink", () => {
      const bounds = videoBounds();
      return bounds.length === 8 && bounds.every((bound) => bound === 1_000_000);
    });
  },

  async one_hears_of_talking_while_muted(call) {
    const mina = call.enter("u_mina");
    await mina.session.publish("microphone", tone(440), { muted: true });
    const track = mina.session.local("microphone")?.track;
    if (track === null || track === undefined) throw new Error("no microphone");
    const voice = new LocalVoice(track, true);
    let hints = 0;
    const said: boolean[] = [];
    voice.on("talking_while_muted", () => (hints += 1));
    voice.on("speaking", (speaking) => said.push(speaking));
    await until("the hint", () => hints === 1);
    expect(said.length === 0, "nobody is told that a muted person speaks");
    voice.setMuted(false);
    await mina.session.setMuted("microphone", false);
    await until("speaking", () => said[0] === true);
    voice.stop();
    expect(said.at(-1) === false && track.readyState === "live", "the track is not the meter's");
    expect(runningCopies() === 0, "the meter let go of the device");
    mina.leave();
    const { context, release } = borrowContext();
    release();
    await until("the sound system is closed", () => context.state === "closed");
    await playTestSound();
  },

  async another_camera_is_taken_up_by_the_call(call) {
    const mina = call.enter("u_mina");
    const joon = call.enter("u_joon");
    call.tell();
    const capture = new Capture("camera");
    capture.on("track", ({ track }) => void mina.session.publish("camera", track));
    const first = await capture.start();
    await joon.framesGrow(mina);
    const home = capture.deviceId;
    const cameras = (await listDevices()).camera;
    expect(cameras.length === 2 && cameras.every(({ label }) => label !== ""), "two cameras");
    const other = cameras.find(({ id }) => id !== home)?.id ?? "";
    const second = await capture.start(other);
    expect(second.getSettings().deviceId === other, "the other camera");
    expect(first.readyState === "ended" && second.readyState === "live", "one light");
    // Chromium's second fake camera feeds elements but no connection: back to the first.
    await capture.start(home);
    expect(second.readyState === "ended", "one light");
    await joon.framesGrow(mina);
    await mina.session.setMuted("camera", true);
    expect(capture.track === null, "a camera that is off is not kept");
    document.dispatchEvent(new Event("visibilitychange"));
    await pass(100);
    expect(mina.session.local("camera")?.track === null, "and does not come back by itself");
    capture.close();
  },

  async sound_that_the_browser_keeps_back_is_asked_for_once(call) {
    const { play } = HTMLMediaElement.prototype;
    HTMLMediaElement.prototype.play = () =>
      Promise.reject(new DOMException("no touch yet", "NotAllowedError"));
    try {
      const [mina, joon] = await pair(call);
      const sora = call.enter("u_sora");
      const told: boolean[] = [];
      sora.playback.on("blocked", (blocked) => told.push(blocked));
      call.tell();
      await until("both are received", () => sora.session.remoteTracks().length === 4);
      await until("it is told", () => told.length > 0);
      HTMLMediaElement.prototype.play = play;
      await sora.playback.resume();
      expect(told.join() === "true,false", `once: ${told.join()}`);
      await Promise.all([sora.soundOf(mina), sora.soundOf(joon)]);
    } finally {
      HTMLMediaElement.prototype.play = play;
    }
  },

  async a_strangers_client_is_served_before_and_after_its_reload(call) {
    // It keeps no order of its own, so it gets a relay that does.
    call.hub.badness = { loss: 0, doubling: 0.2, delay_ms: 0 };
    for (const stranger of ["u_first", "u_zuletzt"]) {
      const mina = call.enter("u_mina");
      await mina.session.publish("microphone", tone(440));
      await mina.session.publish("camera", picture("rgb(0,200,0)"));
      for (const sid of ["PA_1", "PA_2"]) {
        const client = new PlainClient(call.hub.join(stranger), stranger, "u_mina", {
          camera: picture("rgb(200,0,0)"),
        });
        mina.session.setParticipants([{ identity: stranger, sid, allowed: ALL }]);
        const them = { identity: stranger } as Person;
        await mina.framesGrow(them);
        await until("red is seen", () => mina.sees(them)[0] > 120);
        await until("both are received", () => client.received.size === 2);
        await until("they are connected", () => client.pc.connectionState === "connected");
        client.close();
      }
      mina.leave();
    }
  },

  async closing_leaves_nothing_behind(call) {
    const [mina, joon] = await pair(call);
    await settled(mina, joon);
    const tracks = ALL.flatMap((source) => mina.session.local(source)?.track ?? []);
    call.close();
    expect(openConnections() === 0, `no connection is open (${String(openConnections())})`);
    expect(
      tracks.length === 2 && tracks.every((t) => t.readyState === "ended"),
      "devices released",
    );
    expect(document.querySelectorAll("audio").length === 0, "no element is left");
    await until("nothing is said any more", async () => {
      const said = call.hub.log.length;
      await pass(600);
      return call.hub.log.length === said;
    });
  },
};

export async function run(name: string): Promise<unknown> {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no such scenario: ${name}`);
  const call = new Call();
  try {
    return (await scenario(call)) ?? null;
  } finally {
    call.close();
  }
}

export const names = Object.keys(scenarios);
