"""Signing what boxes are to sound: with the machine's key of role SCHEDULE (`controller.trust.machine`)."""

from controller.trust.machine import domain, key_file, schedule_signer

__all__ = ["domain", "key_file", "schedule_signer"]
