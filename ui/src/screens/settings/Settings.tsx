import { NavLink, Outlet } from 'react-router'

export default function Settings() {
  return (
    <div className="screen">
      <h1 className="title">Settings</h1>
      <nav className="tabs" aria-label="Settings">
        <NavLink to="/settings/users" className="tab">
          Users
        </NavLink>
        <NavLink to="/settings/appearance" className="tab">
          Appearance
        </NavLink>
      </nav>
      <Outlet />
    </div>
  )
}
