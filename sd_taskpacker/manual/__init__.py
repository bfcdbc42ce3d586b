# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manual pages and the journal's catalogue, made when the service is installed. Nothing else imports this layer."""
