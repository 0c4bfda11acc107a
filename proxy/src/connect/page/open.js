
// The link's secret stands behind the `#`, which no browser sends and no server logs. It is taken out of the address
// before anything else, and exchanged for a cookie that no script can read.
const secret = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.getElementById("open");
if (secret) {
  form.elements.link.value = secret;
  form.submit();
} else {
  document.getElementById("opening").hidden = true;
  const incomplete = document.getElementById("incomplete");
  incomplete.hidden = false;
  incomplete.focus();
}
