"""Every event of the trail that this program writes, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVENTS: Final[Mapping[str, str]] = {
    "access.refuse": "A request was refused (403): `route`, `code`. The actor is whoever asked.",
    "api_key.create": "A key was made; `rotated_from` names the one that it replaces.",
    "api_key.revoke": "A key was put out of use.",
    "api_key.rotate": "A key got a successor, `into`, and ends after `overlap_seconds`.",
    "api_key.update": "A key was renamed or narrowed.",
    "audit.cut": "Retention cut `rows` rows, up to the number `upto`.",
    "credential.refuse": "A token or key did not hold (401): `route`, `reason`.",
    "environment.create": "An environment was registered, for `user_id`.",
    "environment.delete": "An environment was deleted, with all permissions on it.",
    "environment.update": "An environment was changed; the details name what.",
    "identity.link": "A sign-in at another site was linked to a user: `identity_id`, `provider`, "
    "`subject_digest`, and `by` what: a `session`, a `first_sign_in`, or an `email` that both had "
    "verified. An `email` linked by `system` has ended sessions, password, waiting reset and keys.",
    "identity.unlink": "A sign-in at another site was taken away: `identity_id`, `provider`, "
    "`subject_digest`. By its user, with a password that was reset or set by somebody else, or, "
    "where an address had linked it, with that address or from a new admin.",
    "job.run": "A run of a job was asked for.",
    "login.refuse": "A login was refused: `reason`, and at which `provider` of sign-ins elsewhere. "
    "The actor is the user whose login it was to be, `anonymous` where there is no such user; what "
    "was typed is never kept.",
    "permission.change": "A permission on an environment became another one.",
    "permission.grant": "A user got a permission on an environment.",
    "permission.revoke": "A user lost its permission on an environment.",
    "server.start": "A server started: `version`, `plugins` with their versions, and the names of "
    "the `settings` that are not left at their defaults.",
    "session.begin": "Somebody signed in: by which `method`, an authenticator or a provider.",
    "session.end": "A session was ended: signed out, or by its user from elsewhere.",
    "session.reauthenticate": "Somebody gave the password again, and so renewed the sign-in.",
    "session.refuse": "A refresh token did not hold: `reason`. The actor is the user of its "
    "session, `anonymous` for one that we did not make.",
    "session.reuse": "A refresh token came back that was spent, or not given out yet by a database "
    "that was restored: its `generation`, and the `current` one. The session ended.",
    "signing_key.rotate": "A new key signs access tokens; `replaced` others. With `compromised` "
    "those are good for nothing from then on.",
    "storage.restore": "The database was put back to what the file `backup` held: what was done "
    "between the row before this one and this one is not in it.",
    "throttle.refuse": "A request came too soon (429): `route`, `reason`.",
    "user.create": "A user was made; by `system` on the first start.",
    "user.delete": "A user was deleted, with keys, sessions and permissions.",
    "user.password_change": "A user changed its own password.",
    "user.password_reset": "A user's password was taken away for a reset secret, and its sign-ins "
    "at other sites with it.",
    "user.password_set": "A user's password was set by somebody else, and its sign-ins at other "
    "sites taken away.",
    "user.sessions_end": "A user's sessions were ended: how many in `ended`.",
    "user.unlock": "The throttling of a user's failed logins was lifted.",
    "user.update": "A user was changed: `role`, `status`, each with `…_before`; of a name or "
    "address only that it changed. `ways_in` says that a new admin has lost password, reset, "
    "sessions and keys, since an address had once opened the account.",
}
