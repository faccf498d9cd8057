"""The doors for live connections: Socket.IO and a plain WebSocket, one protocol behind both."""
