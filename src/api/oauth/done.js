/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tells the client that opened this page that the person has allowed it: see the specification, "Fallback". */
"use strict";

if (window.onAuthDone)
	window.onAuthDone();
else if (window.opener && window.opener.postMessage)
	window.opener.postMessage("authDone", "*");
