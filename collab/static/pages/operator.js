/**
 * The page of the operator's link: takes the key out of the address, where it would stay in the
 * browser's history, and puts it into the form.
 */

function takeKey() {
  const key = location.hash.slice(1);
  if (!key) return;
  history.replaceState(null, "", location.pathname);
  const field = document.querySelector("#key");
  if (!field) return;
  field.value = key;
  document.querySelector("#paste").hidden = true;
  document.querySelector("#sign-in button").focus();
}

takeKey();
// A link that is opened where the page is shown already only changes the part behind the #.
addEventListener("hashchange", takeKey);
