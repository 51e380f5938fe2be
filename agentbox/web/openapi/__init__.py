"""The OpenAPI document and the page that draws it, both made from the route table."""

from agentbox.web.openapi.document import document
from agentbox.web.openapi.pages import document_routes

__all__ = ["document", "document_routes"]
