"""The pages in English."""

from moim.http.text.catalogue import ErrorText, ErrorTexts, Text


def _inside(people: int) -> str:
    return "1 person inside" if people == 1 else f"{people} people inside"


ENGLISH = Text(
    locale="en",
    product="moim",
    tagline="Meetings on your own server",
    skip="Skip to the content",
    language_label="Language",
    language_name="English",
    other_home="moim, home page",
    home_title="Meet on your own server.",
    home_lead="Create a room, send its link, talk. No account, nothing to install.",
    create_heading="Create a room",
    room_name="Name of the room",
    room_name_example="Friday tea",
    room_name_invalid="Give the room a name of 1 to 40 characters, without < > and invisible ones.",
    visibility="Who can find it",
    unlisted="By link only",
    unlisted_hint="Whoever has the link can come in.",
    listed="Listed",
    listed_hint="It also appears on this page.",
    create="Create",
    join_heading="Join a room",
    join_label="Link or code",
    join_hint="Paste the link you were sent.",
    join="Join",
    join_not_understood="This is no link to a room here. Check it, or ask for it again.",
    rooms_heading="Open rooms",
    rooms_lead="Anyone who sees this page can walk in.",
    rooms_empty="No listed room yet. Create the first one.",
    rooms_loading="Looking for rooms…",
    rooms_failed="The list cannot be refreshed now. It tries again by itself.",
    inside=_inside,
    nobody_inside="empty",
    locked="locked",
    full="full",
    room_description="A room for talking, seeing each other and chatting.",
    not_loaded="The room did not load",
    not_loaded_text=(
        "The connection may have been cut, or something blocks the program. Load the page again."
    ),
    reload="Reload",
    script_needed="A call needs JavaScript",
    script_needed_text=(
        "Camera, microphone and chat only work with it. Switch JavaScript on for this site and "
        "load the page again."
    ),
    your_links="Your room is ready",
    your_links_text="Keep both links now. The host link is not shown again.",
    guest_link="Guest link",
    guest_link_hint="For everyone you invite.",
    host_link="Host link",
    host_link_hint="For a second host, or your other device. It works for one person.",
    host_title="Become a host",
    host_text="This link makes you a host: you can lock the room, mute and remove people.",
    host_hint="This browser will be remembered as a host of the room.",
    host_button="Enter as host",
    unsupported_title="This browser is too old for calls",
    unsupported_text=(
        "It lacks something that a call needs, or it is switched off. Update the browser, or open "
        "the link in one of these."
    ),
    unsupported_list="The last two versions of Chrome, Edge, Firefox or Safari",
    unsupported_ios="On iPhone and iPad: iOS 16.4 or later",
    not_built="The web client is not built yet. Run “make build”, then load this page again.",
    go_home="Go to the home page",
    try_again="Try again",
    go_back="Back to the room",
    error_code="Code",
    errors=ErrorTexts(
        app_storage_full=ErrorText(
            "This mini-app has stored as much as it can",
            "Remove it and add it again to begin anew.",
        ),
        app_unknown=ErrorText(
            "This mini-app is gone", "A host has removed it, or it never was in this room."
        ),
        apps_full=ErrorText(
            "This room has as many mini-apps as it can hold", "Remove one that nobody uses."
        ),
        barred=ErrorText(
            "You were removed from this room", "A host decides who comes back. Ask one of them."
        ),
        epoch_stale=ErrorText(
            "The meeting has moved on", "This page belongs to an earlier meeting. Load it again."
        ),
        file_name_invalid=ErrorText(
            "This name cannot be used",
            "Rename the file without / \\ : * ? and invisible letters, and send it again.",
        ),
        file_unknown=ErrorText(
            "This file is gone", "It was deleted, or it never was in this room."
        ),
        file_infected=ErrorText(
            "This file was not taken",
            "The virus check of this server found something in it. Ask who gave it to you.",
        ),
        file_too_large=ErrorText(
            "This file is too large for the room",
            "Those who are here can still get it from you directly.",
        ),
        file_type_refused=ErrorText(
            "This kind of file is not kept here",
            "Whoever runs this server has chosen which kinds are.",
        ),
        file_unscanned=ErrorText(
            "This file could not be checked",
            "The virus check of this server does not answer. Try again in a while.",
        ),
        upload_corrupt=ErrorText(
            "A part of the file was damaged on the way", "It is sent again from where it was whole."
        ),
        upload_offset=ErrorText(
            "The upload lost its place", "It goes on from where the server has it."
        ),
        game_full=ErrorText("Two are playing already", "Watch them, and sit down after that."),
        image_unknown=ErrorText(
            "This image is gone", "It was deleted, or it never was in this room."
        ),
        last_host=ErrorText(
            "A room needs a host", "You are the last one. Make somebody else a host first."
        ),
        message_deleted=ErrorText("This message was deleted", "Nothing more can be done with it."),
        message_unknown=ErrorText(
            "This message is gone", "It is not in this room. Load the page again to see what is."
        ),
        name_invalid=ErrorText(
            "This name does not work",
            "Use 1 to 40 characters, without < > and invisible ones.",
        ),
        not_author=ErrorText("This message is not yours", "Only its author can change it."),
        not_host=ErrorText(
            "Only a host can do this", "Ask a host, or open your host link in this browser."
        ),
        not_playing=ErrorText("You are not playing", "Sit down at the table first."),
        not_present=ErrorText("You are not in the room", "Join it first, then try again."),
        not_referee=ErrorText(
            "The points are not yours to say", "The referee of this game counts them."
        ),
        participant_unknown=ErrorText("This person is not here", "They may have just left."),
        reaction_unknown=ErrorText("This is not one emoji", "Choose one from the list."),
        reactions_full=ErrorText(
            "This message has as many reactions as it can hold", "Choose one that is there already."
        ),
        right_missing=ErrorText(
            "A host has turned this off for you",
            "Raise your hand, or ask a host, if you need it.",
        ),
        right_of_host=ErrorText(
            "Hosts may do everything",
            "Make this person a guest first.",
        ),
        room_full=ErrorText(
            "This room is full", "Every seat is taken. Try again when somebody has left."
        ),
        room_locked=ErrorText(
            "This room is locked", "Nobody new can come in now. Ask a host to unlock it."
        ),
        seat_taken=ErrorText(
            "You are already in this room", "Your seat is open in another tab. Move the call here."
        ),
        self_target=ErrorText("This cannot be done to yourself", "Choose somebody else."),
        sfu_missing=ErrorText(
            "This server has no media server",
            "Calls go from browser to browser. `pip install 'moim[sfu]'` adds it.",
        ),
        text_empty=ErrorText("The message is empty", "Write something first."),
        text_too_long=ErrorText(
            "The message is too long", "Up to 4000 characters fit. Send it in parts."
        ),
        track_unknown=ErrorText("This is not being shared", "It may have just been switched off."),
        command_malformed=ErrorText(
            "The server did not understand this", "Load the page again and try once more."
        ),
        command_unknown=ErrorText(
            "The server cannot do this", "This page may be older than the server. Load it again."
        ),
        event_refused=ErrorText(
            "This was not passed on", "The app sent something that the server does not relay."
        ),
        frame_too_large=ErrorText("This is too large", "Send less at once."),
        identity_invalid=ErrorText(
            "The server does not recognise this browser",
            "Its sign has changed or run out. Load the page again.",
        ),
        identity_missing=ErrorText(
            "The server does not know this browser",
            "Allow cookies for this site, or sign in where you came from. Then try again.",
        ),
        origin_refused=ErrorText(
            "This came from another site",
            "For safety the server takes it from its own pages only.",
        ),
        protocol_unsupported=ErrorText(
            "This page is older than the server", "Load it again to get the new one."
        ),
        proxy_not_sticky=ErrorText(
            "The server's proxy is not set up for this browser",
            "Tell whoever runs it: the proxy must pass WebSockets, or send one browser to one "
            "server (sticky sessions).",
        ),
        rate_limited=ErrorText("That was too much at once", "Wait a minute, then try again."),
        room_unknown=ErrorText(
            "There is no room here", "The link may be cut off or mistyped. Ask for it again."
        ),
        csrf_failed=ErrorText(
            "The page had run out",
            "Nothing was changed. Allow cookies for this site and try again.",
        ),
        host_link_invalid=ErrorText(
            "This host link does not work",
            "It may be cut off, or somebody has used it already. Ask a host for a new one.",
        ),
        image_too_large=ErrorText(
            "This image is too large", "Make it smaller, or send a part of it."
        ),
        image_type_refused=ErrorText(
            "This kind of file cannot be sent", "JPEG, PNG, WebP, GIF and AVIF images can."
        ),
        image_unreadable=ErrorText(
            "This image is damaged", "It could not be read to its end. Save it anew and try again."
        ),
        page_not_found=ErrorText(
            "This page does not exist", "The address may be mistyped, or the page has moved."
        ),
        quota_reached=ErrorText(
            "This room has no space left", "Delete files or messages with images to make room."
        ),
        busy=ErrorText("The server is busy", "Try again in a moment."),
        internal=ErrorText(
            "Something went wrong on the server", "It has been noted. Try again in a moment."
        ),
        server_stopping=ErrorText("The server is restarting", "It will be back in a moment."),
        storage_failed=ErrorText(
            "The server could not save this", "Nothing was changed. Try again in a moment."
        ),
        sfu_unreachable=ErrorText(
            "The media server does not answer", "Wait a moment and try again."
        ),
        storage_full=ErrorText(
            "The server has no space left", "Tell whoever runs it. Nothing was changed."
        ),
        unavailable=ErrorText(
            "The server cannot reach its storage", "Running calls go on. Try again in a moment."
        ),
    ),
)
