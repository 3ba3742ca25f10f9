-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What sweeping old rows looks for.

CREATE INDEX refresh_token_used ON refresh_token (used_ms) WHERE used_ms IS NOT NULL;
CREATE INDEX oauth_client_used ON oauth_client (used_ms);
CREATE INDEX oauth_code_created ON oauth_code (created_ms);
CREATE INDEX browser_session_created ON browser_session (created_ms);
CREATE INDEX onetime_expires ON onetime (expires_ms);
CREATE INDEX upstream_session_created ON upstream_session (created_ms);
