"""From raw customers to a candidate bundle. Heavy packages are imported only below here."""
