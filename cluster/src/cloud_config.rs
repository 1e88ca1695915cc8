//! Configuration of RancherOS and BurmillaOS.
