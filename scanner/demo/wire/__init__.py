"""AWS's protocols, from the server's side: read a call, write an answer or an error, cut pages."""
