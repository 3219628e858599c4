"""The operator's console: server-rendered pages over the read models of `operations`."""

from zhangfang.portal.actions import Actions
from zhangfang.portal.app import portal_app
from zhangfang.portal.auth import OPERATOR, ensure_operator
from zhangfang.portal.visit import PortalSettings

__all__ = ["OPERATOR", "Actions", "PortalSettings", "ensure_operator", "portal_app"]
