// Says so when the meeting's program does not come, where the page would stay blank: a file that is
// gone or blocked is noticed at once, everything else by time. A program that comes late takes the
// page back. In the oldest syntax, because it must run where the program does not.
(function () {
  var PATIENCE_MS = 15000;
  var late = false;
  var words = null;

  function look() {
    var place = document.getElementById("app");
    var begun = place && place.firstChild;
    if (begun && words) {
      words.parentNode.removeChild(words);
      words = null;
    } else if (late && place && !begun && !words) {
      words = document.createElement("div");
      words.appendChild(document.getElementById("moim-not-loaded").content.cloneNode(true));
      place.parentNode.insertBefore(words, place);
      new MutationObserver(look).observe(place, { childList: true });
    }
  }

  function giveUp() {
    late = true;
    look();
  }

  // What fails to load tells only who listens on its way down.
  window.addEventListener(
    "error",
    function (event) {
      var failed = event.target;
      if (failed === window || (failed.nodeName === "SCRIPT" && failed.type === "module")) giveUp();
    },
    true
  );
  // Not DOMContentLoaded: that waits for the program, for ever if need be.
  document.addEventListener("readystatechange", look);
  window.setTimeout(giveUp, PATIENCE_MS);
})();
