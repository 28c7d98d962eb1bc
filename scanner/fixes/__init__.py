"""From root causes to the changes that mend them: one small strategy for each kind of cause."""
