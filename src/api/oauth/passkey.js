/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one script of the pages: asks the browser for a passkey, and puts what
 * it says into the form's hidden fields. Without it the other ways remain.
 */
"use strict";

const button = document.querySelector("[data-passkey]");

function bytes(text) {
	const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
	return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

function text(buffer) {
	const raw = String.fromCharCode(...new Uint8Array(buffer));
	return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function make(d) {
	return navigator.credentials.create({ publicKey: {
		challenge: bytes(d.challenge),
		rp: { id: d.host, name: d.service },
		user: { id: bytes(d.user), name: d.name, displayName: d.name },
		pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
		authenticatorSelection: { residentKey: "required", userVerification: "required" },
		excludeCredentials: d.known.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) })),
		attestation: "none",
	} });
}

function use(d) {
	return navigator.credentials.get({ publicKey: {
		challenge: bytes(d.challenge), rpId: d.host, userVerification: "required",
	} });
}

async function ask(event) {
	const form = button.form;

	event.preventDefault();
	if (!form.reportValidity())
		return;
	button.disabled = true;
	try {
		const d = button.dataset;
		const made = d.passkey === "make";
		const c = made ? await make(d) : await use(d);

		form.elements.id.value = text(c.rawId);
		form.elements.client_data.value = text(c.response.clientDataJSON);
		form.elements.auth_data.value = text(made ? c.response.getAuthenticatorData() : c.response.authenticatorData);
		if (!made)
			form.elements.sig.value = text(c.response.signature);
		form.submit();
	} catch (e) {
		const failed = document.getElementById("failed");

		failed.hidden = false;
		failed.focus();
		button.disabled = false;
	}
}

if (button && window.PublicKeyCredential) {
	button.hidden = false;
	button.addEventListener("click", ask);
} else {
	document.getElementById("failed").hidden = false;
}
