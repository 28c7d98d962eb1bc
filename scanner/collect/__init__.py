"""Recording what AWS answers. Nothing is judged here, and nothing but this room calls AWS."""
