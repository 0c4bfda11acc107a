
// The link's secret stands behind the `#`, which no browser sends and no server logs. It is taken out of the address
// before anything else, and exchanged for a cookie that no script can read.
function open() {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (secret) {
    const form = document.getElementById("open");
    form.elements.link.value = secret;
    form.submit();
  } else {
    document.getElementById("opening").hidden = true;
    const incomplete = document.getElementById("incomplete");
    incomplete.hidden = false;
    incomplete.focus();
  }
}
// A whole link that is pasted over half a one loads nothing anew.
addEventListener("hashchange", open);
open();
