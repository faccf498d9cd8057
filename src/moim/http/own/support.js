// Decides whether this browser can hold a call. Classic script in the oldest syntax: a module would
// not even be read where it is needed most. What is asked for came with iOS 16.4 and its time.
(function () {
  var element = document.getElementById("moim-support");
  var fine =
    window.RTCPeerConnection &&
    window.CompressionStream &&
    window.structuredClone &&
    window.HTMLScriptElement &&
    HTMLScriptElement.supports &&
    HTMLScriptElement.supports("importmap");
  if (!fine && element) {
    window.location.replace(element.getAttribute("data-unsupported"));
  }
})();
