"""한국어 화면. 해요체로 쓰고, 이름 뒤에 조사를 붙이지 않는다."""

from moim.http.text.catalogue import ErrorText, ErrorTexts, Text


def _inside(people: int) -> str:
    return f"{people}명 참여 중"


KOREAN = Text(
    locale="ko",
    product="모임",
    tagline="내 서버에서 여는 모임",
    skip="본문으로 바로 가기",
    language_label="언어",
    language_name="한국어",
    other_home="모임 첫 화면",
    home_title="내 서버에서 만나요.",
    home_lead="방을 만들고 링크를 보내면 바로 이야기할 수 있어요. 가입도 설치도 필요 없어요.",
    create_heading="방 만들기",
    room_name="방 이름",
    room_name_example="금요일 차 모임",
    room_name_invalid="방 이름은 1~40자로 적어 주세요. < >와 보이지 않는 문자는 쓸 수 없어요.",
    visibility="공개 범위",
    unlisted="링크로만",
    unlisted_hint="링크를 받은 사람만 들어와요.",
    listed="목록에 공개",
    listed_hint="이 페이지의 목록에도 보여요.",
    create="만들기",
    join_heading="방에 들어가기",
    join_label="링크 또는 코드",
    join_hint="받은 링크를 붙여 넣어 주세요.",
    join="들어가기",
    join_not_understood="이곳의 방 링크가 아니에요. 다시 확인하거나 링크를 새로 받아 주세요.",
    rooms_heading="열린 방",
    rooms_lead="이 페이지를 보는 누구나 들어갈 수 있어요.",
    rooms_empty="아직 공개된 방이 없어요. 첫 번째 방을 만들어 보세요.",
    rooms_loading="열린 방을 찾고 있어요…",
    rooms_failed="지금은 목록을 새로 고칠 수 없어요. 곧 자동으로 다시 시도해요.",
    inside=_inside,
    nobody_inside="비어 있음",
    locked="잠김",
    full="가득 참",
    room_description="얼굴을 보며 이야기하고 채팅하는 방이에요.",
    not_loaded="방을 불러오지 못했어요",
    not_loaded_text=("연결이 끊겼거나 프로그램이 막혀 있을 수 있어요. 페이지를 새로 고쳐 주세요."),
    reload="새로 고침",
    script_needed="통화하려면 JavaScript가 필요해요",
    script_needed_text=(
        "카메라와 마이크, 채팅은 JavaScript가 있어야 움직여요. 이 사이트에서 켠 다음 페이지를 "
        "새로 고쳐 주세요."
    ),
    your_links="방이 준비됐어요",
    your_links_text="두 링크를 지금 보관해 두세요. 진행자 링크는 다시 보여 드리지 않아요.",
    guest_link="초대 링크",
    guest_link_hint="초대할 모든 분께 보내 주세요.",
    host_link="진행자 링크",
    host_link_hint="다른 진행자나 내 다른 기기를 위한 링크예요. 한 사람만 쓸 수 있어요.",
    host_title="진행자로 들어가기",
    host_text="이 링크로 진행자가 되면 방을 잠그고, 다른 분을 음소거하거나 내보낼 수 있어요.",
    host_hint="이 브라우저를 방의 진행자로 기억해요.",
    host_button="진행자로 들어가기",
    unsupported_title="이 브라우저로는 통화할 수 없어요",
    unsupported_text=(
        "통화에 필요한 기능이 없거나 꺼져 있어요. 브라우저를 업데이트하거나 아래 브라우저에서 "
        "링크를 열어 주세요."
    ),
    unsupported_list="Chrome, Edge, Firefox, Safari의 최근 두 버전",
    unsupported_ios="iPhone과 iPad는 iOS 16.4 이상",
    not_built="웹 화면이 아직 빌드되지 않았어요. “make build”를 실행하고 새로 고쳐 주세요.",
    go_home="첫 화면으로",
    try_again="다시 시도",
    go_back="방으로 돌아가기",
    error_code="코드",
    errors=ErrorTexts(
        app_storage_full=ErrorText(
            "미니앱 저장 공간이 가득 찼어요", "미니앱을 뺐다가 다시 넣으면 처음부터 시작해요."
        ),
        app_unknown=ErrorText(
            "미니앱을 찾을 수 없어요", "진행자가 뺐거나, 이 방에 없던 미니앱이에요."
        ),
        apps_full=ErrorText(
            "이 방에는 미니앱을 더 넣을 수 없어요", "쓰지 않는 미니앱을 먼저 빼 주세요."
        ),
        barred=ErrorText(
            "이 방에서 내보내졌어요",
            "다시 들어오려면 진행자의 허락이 필요해요. 진행자에게 물어봐 주세요.",
        ),
        epoch_stale=ErrorText(
            "모임이 새로 시작됐어요", "이 페이지는 지난 모임의 것이에요. 새로 고쳐 주세요."
        ),
        file_name_invalid=ErrorText(
            "이 이름은 쓸 수 없어요", "/ \\ : * ? 와 보이지 않는 글자를 빼고 다시 보내 주세요."
        ),
        file_unknown=ErrorText("파일이 없어요", "지워졌거나 이 방에 없는 파일이에요."),
        file_infected=ErrorText(
            "파일을 받지 않았어요",
            "서버의 바이러스 검사에서 문제가 발견됐어요. 파일을 준 사람에게 확인해 주세요.",
        ),
        file_too_large=ErrorText(
            "방에 두기에는 파일이 너무 커요", "지금 함께 있는 사람들은 직접 받을 수 있어요."
        ),
        file_type_refused=ErrorText(
            "이 종류의 파일은 둘 수 없어요", "어떤 종류를 둘지는 서버 운영자가 정해요."
        ),
        file_unscanned=ErrorText(
            "파일을 검사하지 못했어요",
            "서버의 바이러스 검사가 응답하지 않아요. 잠시 뒤에 다시 시도해 주세요.",
        ),
        upload_corrupt=ErrorText("파일의 일부가 오는 길에 깨졌어요", "온전한 곳부터 다시 보내요."),
        upload_offset=ErrorText("업로드 위치가 어긋났어요", "서버에 있는 곳부터 이어서 보내요."),
        game_full=ErrorText("이미 두 사람이 하고 있어요", "지켜보다가 자리가 나면 앉아 주세요."),
        image_unknown=ErrorText("이미지가 없어요", "지워졌거나 이 방에 없는 이미지예요."),
        last_host=ErrorText(
            "방에는 진행자가 필요해요",
            "지금은 혼자 진행자예요. 먼저 다른 분을 진행자로 정해 주세요.",
        ),
        message_deleted=ErrorText("지워진 메시지예요", "더 이상 바꾸거나 답할 수 없어요."),
        message_unknown=ErrorText(
            "메시지를 찾을 수 없어요", "이 방에 없는 메시지예요. 페이지를 새로 고쳐 보세요."
        ),
        name_invalid=ErrorText(
            "이 이름은 쓸 수 없어요",
            "1~40자로 적어 주세요. < >와 보이지 않는 문자는 쓸 수 없어요.",
        ),
        not_author=ErrorText("내가 쓴 메시지가 아니에요", "쓴 사람만 고칠 수 있어요."),
        not_host=ErrorText(
            "진행자만 할 수 있어요",
            "진행자에게 부탁하거나, 이 브라우저에서 진행자 링크를 열어 주세요.",
        ),
        not_playing=ErrorText("지금 게임을 하고 있지 않아요", "먼저 자리에 앉아 주세요."),
        not_present=ErrorText("아직 방에 들어오지 않았어요", "먼저 들어온 뒤 다시 해 보세요."),
        not_referee=ErrorText("점수는 심판만 셀 수 있어요", "이 게임의 심판이 점수를 세요."),
        participant_unknown=ErrorText("지금 방에 없는 분이에요", "방금 나갔을 수 있어요."),
        reaction_unknown=ErrorText("이모지 하나가 아니에요", "목록에서 하나를 골라 주세요."),
        reactions_full=ErrorText(
            "이 메시지에는 더 반응할 수 없어요", "이미 있는 반응 가운데 하나를 골라 주세요."
        ),
        right_missing=ErrorText(
            "진행자가 이 기능을 꺼 두었어요", "필요하면 손을 들거나 진행자에게 부탁해 주세요."
        ),
        right_of_host=ErrorText(
            "진행자는 모든 것을 할 수 있어요", "먼저 이 사람을 참가자로 바꿔 주세요."
        ),
        room_full=ErrorText(
            "방이 가득 찼어요", "빈자리가 없어요. 누군가 나간 뒤 다시 들어와 주세요."
        ),
        room_locked=ErrorText(
            "방이 잠겨 있어요",
            "지금은 새로 들어올 수 없어요. 진행자에게 열어 달라고 해 주세요.",
        ),
        seat_taken=ErrorText(
            "이미 이 방에 있어요", "다른 탭에서 참여 중이에요. 통화를 이 탭으로 옮길 수 있어요."
        ),
        self_target=ErrorText("나에게는 할 수 없어요", "다른 분을 골라 주세요."),
        sfu_missing=ErrorText(
            "이 서버에는 미디어 서버가 없어요",
            "통화는 브라우저끼리 직접 연결돼요. `pip install 'moim[sfu]'`로 설치할 수 있어요.",
        ),
        text_empty=ErrorText("메시지가 비어 있어요", "먼저 내용을 적어 주세요."),
        text_too_long=ErrorText(
            "메시지가 너무 길어요", "4000자까지 보낼 수 있어요. 나눠서 보내 주세요."
        ),
        track_unknown=ErrorText("공유 중이 아니에요", "방금 꺼졌을 수 있어요."),
        command_malformed=ErrorText(
            "서버가 요청을 이해하지 못했어요", "페이지를 새로 고치고 다시 해 보세요."
        ),
        command_unknown=ErrorText(
            "서버에 없는 기능이에요",
            "페이지가 서버보다 오래됐을 수 있어요. 새로 고쳐 주세요.",
        ),
        event_refused=ErrorText("전달하지 못했어요", "앱이 서버가 전하지 않는 내용을 보냈어요."),
        frame_too_large=ErrorText("내용이 너무 커요", "한 번에 조금씩 보내 주세요."),
        identity_invalid=ErrorText(
            "브라우저를 확인하지 못했어요",
            "확인 정보가 바뀌었거나 만료됐어요. 페이지를 새로 고쳐 주세요.",
        ),
        identity_missing=ErrorText(
            "처음 보는 브라우저예요",
            "이 사이트의 쿠키를 허용하거나, 원래 사이트에서 로그인한 뒤 다시 시도해 주세요.",
        ),
        origin_refused=ErrorText(
            "다른 사이트에서 온 요청이에요", "안전을 위해 이 사이트에서 보낸 요청만 받아요."
        ),
        protocol_unsupported=ErrorText(
            "페이지가 서버보다 오래됐어요", "새로 고치면 새 화면이 열려요."
        ),
        proxy_not_sticky=ErrorText(
            "서버의 프록시 설정 때문에 연결할 수 없어요",
            "운영하는 분께 알려 주세요. 프록시가 WebSocket을 통과시키거나, "
            "한 브라우저를 한 서버로만 보내야 해요 (sticky session).",
        ),
        rate_limited=ErrorText("요청이 너무 많았어요", "1분쯤 기다린 뒤 다시 시도해 주세요."),
        room_unknown=ErrorText(
            "이 주소에는 방이 없어요",
            "링크가 잘렸거나 잘못 적혔을 수 있어요. 링크를 다시 받아 주세요.",
        ),
        csrf_failed=ErrorText(
            "페이지가 만료됐어요",
            "아무것도 바뀌지 않았어요. 이 사이트의 쿠키를 허용하고 다시 시도해 주세요.",
        ),
        host_link_invalid=ErrorText(
            "쓸 수 없는 진행자 링크예요",
            "링크가 잘렸거나 이미 다른 분이 썼을 수 있어요. 진행자에게 새 링크를 받아 주세요.",
        ),
        image_too_large=ErrorText("이미지가 너무 커요", "크기를 줄이거나 일부만 잘라 보내 주세요."),
        image_type_refused=ErrorText(
            "보낼 수 없는 파일이에요", "JPEG, PNG, WebP, GIF, AVIF 이미지를 보낼 수 있어요."
        ),
        image_unreadable=ErrorText(
            "이미지가 손상됐어요", "끝까지 읽지 못했어요. 새로 저장한 뒤 다시 보내 주세요."
        ),
        page_not_found=ErrorText(
            "없는 페이지예요", "주소가 잘못 적혔거나 페이지가 옮겨졌을 수 있어요."
        ),
        quota_reached=ErrorText(
            "이 방의 공간이 가득 찼어요", "파일이나 이미지가 있는 메시지를 지우면 자리가 생겨요."
        ),
        busy=ErrorText("서버가 바빠요", "잠시 뒤 다시 시도해 주세요."),
        internal=ErrorText(
            "서버에 문제가 생겼어요", "기록해 두었어요. 잠시 뒤 다시 시도해 주세요."
        ),
        server_stopping=ErrorText("서버를 다시 켜는 중이에요", "곧 돌아올게요."),
        storage_failed=ErrorText(
            "저장하지 못했어요", "아무것도 바뀌지 않았어요. 잠시 뒤 다시 시도해 주세요."
        ),
        sfu_unreachable=ErrorText("미디어 서버가 응답하지 않아요", "잠시 후 다시 시도해 주세요."),
        storage_full=ErrorText(
            "서버에 남은 공간이 없어요",
            "운영하는 분께 알려 주세요. 아무것도 바뀌지 않았어요.",
        ),
        unavailable=ErrorText(
            "서버가 저장소에 닿지 못해요",
            "하던 통화는 계속돼요. 잠시 뒤 다시 시도해 주세요.",
        ),
    ),
)
