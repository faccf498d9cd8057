document.getElementById("app")?.replaceChildren("moim");
